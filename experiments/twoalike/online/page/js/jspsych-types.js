/**
 * Types of plugin parameters, by the numbers of jsPsych 8 (its `ParameterType`): modules that do
 * not import jsPsych can be loaded and tested without a page.
 */
export const ParameterType = {
  BOOL: 0,
  STRING: 1,
  INT: 2,
  FLOAT: 3,
  OBJECT: 12,
  COMPLEX: 13,
};
