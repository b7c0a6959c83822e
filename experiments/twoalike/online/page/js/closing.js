/** Pages after the session: sending, the completion code, and the form that withdraws. */

import { make, paragraphs } from "./look.js";
import { filled, panel } from "./panels.js";
import { Refused, Unreachable } from "./transports.js";

export async function sendRest(root, texts, queue) {
  const words = make("p", { "aria-live": "polite" });
  panel(root, words);
  const tell = () => {
    words.textContent = filled(texts.sending, { n: queue.waiting.length });
  };
  tell();
  const timer = setInterval(tell, 500);
  await queue.drained().finally(() => clearInterval(timer));
}

export function showEnd(root, texts, { code, url, withdraw, reason, download }) {
  const parts = paragraphs(texts[reason] ?? texts.closing);
  const shown = make("output", { class: "code", id: "code", dir: "ltr" }, code ?? "");
  if (code) parts.push(make("p", {}, texts.code), shown, copyButton(texts, code));
  if (url) {
    const words = filled(texts.go_back, { host: new URL(url).host });
    parts.push(make("p", {}, make("a", { href: url, rel: "noreferrer", class: "push first" }, words)));
  }
  if (download) {
    const href = URL.createObjectURL(new Blob([download.text], { type: "application/x-ndjson" }));
    const save = make("a", { href, download: download.name, class: "push" }, texts.download);
    parts.push(make("p", {}, texts.send_file), make("p", {}, save));
  }
  if (texts.close && !url) parts.push(make("p", {}, texts.close));
  if (withdraw) {
    const address = new URL("withdraw", document.baseURI).href;
    const link = make("a", { href: address, rel: "noreferrer", class: "push" }, address);
    const words = filled(texts.withdraw, { code: withdraw });
    parts.push(make("small", {}, words, make("br"), link));
  }
  panel(root, ...parts);
  document.body.dataset.step = "end";
}

function copyButton(texts, code) {
  if (!navigator.clipboard) return make("span");
  const button = make("button", { type: "button", class: "push" }, texts.copy_code);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code);
    button.textContent = `${texts.copy_code} ✓`;
  });
  return button;
}

export function showWithdrawal(root, texts, transport) {
  const field = make("input", {
    class: "entry",
    id: "withdraw",
    required: "",
    autocomplete: "off",
    maxlength: "64",
    spellcheck: "false",
  });
  const answer = make("p", { role: "status", "aria-live": "polite" });
  const button = make("button", { class: "push" }, texts.withdraw_button);
  const label = make("label", { for: "withdraw" }, texts.withdraw_ask);
  const title = make("h1", { class: "title" }, texts.withdraw_title);
  const form = make("form", { class: "panel" }, title, label, field, button, answer);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    answer.textContent = await withdraw(transport, texts, field.value.trim());
    button.disabled = answer.textContent === texts.withdraw_done;
  });
  root.replaceChildren(form);
  document.body.dataset.step = "withdraw";
}

async function withdraw(transport, texts, code) {
  try {
    await transport.withdraw(code);
    return texts.withdraw_done;
  } catch (error) {
    if (error instanceof Refused) return texts.withdraw_unknown;
    if (error instanceof Unreachable) return texts.offline;
    throw error;
  }
}
