/** Tones after answers in practice: a high one after a right answer, a low one after another. */

const HERTZ = { right: 880, wrong: 220 };
const LENGTH_S = 0.2;
const RAMP_S = 0.01;
const LOUDNESS = 0.5;
let audio = null;

/** Plays a tone at once: a sine with soft ends, as the window plays it. */
export function playTone(name) {
  audio ??= new AudioContext();
  const sine = new OscillatorNode(audio, { frequency: HERTZ[name] });
  const gain = new GainNode(audio, { gain: 0 });
  const start = audio.currentTime;
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(LOUDNESS, start + RAMP_S);
  gain.gain.setValueAtTime(LOUDNESS, start + LENGTH_S - RAMP_S);
  gain.gain.linearRampToValueAtTime(0, start + LENGTH_S);
  sine.connect(gain).connect(audio.destination);
  sine.start(start);
  sine.stop(start + LENGTH_S);
}
