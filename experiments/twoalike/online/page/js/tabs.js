/** One tab a session: a second one must not answer as well. */

const ANSWER_MS = 400;

export function takeSession(name) {
  return navigator.locks ? lock(name) : ask(name);
}

function lock(name) {
  return new Promise((resolve, reject) => {
    const held = (got) => {
      resolve(got !== null);
      return got && new Promise(() => {}); // until the tab is closed
    };
    navigator.locks.request(name, { ifAvailable: true }, held).catch(reject);
  });
}

/** Where there are no locks (pages without TLS), ask the other tabs. */
async function ask(name) {
  const channel = new BroadcastChannel(name);
  const free = await new Promise((resolve) => {
    channel.onmessage = ({ data }) => data === "taken" && resolve(false);
    channel.postMessage("free?");
    setTimeout(() => resolve(true), ANSWER_MS);
  });
  channel.onmessage = ({ data }) => data === "free?" && free && channel.postMessage("taken");
  return free;
}
