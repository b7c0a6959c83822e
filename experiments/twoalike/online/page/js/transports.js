/**
 * Where records are sent. A transport can `enter` (of a session that is over the outcome; the number
 * of the last record stored there is null where the page alone knows), `send` records (up to which
 * they are stored for good) and `finish` (with a `download` where the participant has to send a file);
 * our server's can ask for a `block` and `withdraw`, too. It is given the `study` in the language that
 * is chosen, and may say who the `visitor` is, and that the page `reopens` while the other side is
 * away. Each throws `Refused` if the other side refuses, and `Unreachable` if it does not answer: then
 * the same may be tried again.
 */

const PATIENCE_MS = 20_000;

/** The other side has answered, and said no; `code` says why. */
export class Refused extends Error {
  constructor(code) {
    super(`refused: ${code}`);
    this.code = code;
  }
}

/** There was no answer, or none that the other side meant: try again. */
export class Unreachable extends Error {}

/** What the other side gives for something: a broken line and an answer that cannot be read are the same here. */
export async function reached(what, attempt) {
  try {
    return await attempt();
  } catch (error) {
    throw new Unreachable(`${what}: ${error?.message ?? error}`, { cause: error });
  }
}

function ask(base, path, request, options) {
  return reached(path, async () => {
    const response = await request(new URL(path, base), options);
    return { status: response.status, answer: await response.json() };
  });
}

export async function readJson(base, path, request = (...args) => fetch(...args)) {
  const { status, answer } = await ask(base, path, request);
  if (status !== 200) throw new Unreachable(`${path}: status ${status}`);
  return answer;
}

export class ServerTransport {
  reopens = true;

  constructor(base, request = (...args) => fetch(...args)) {
    this.base = base;
    this.request = request;
  }

  enter(who) {
    return this.post("enter", who);
  }

  async send(token, records) {
    return (await this.post("records", records, token)).stored;
  }

  finish(token, reason) {
    return this.post("finish", { reason }, token);
  }

  block(token, part, block) {
    return this.post("block", { part, block }, token);
  }

  withdraw(code) {
    return this.post("withdraw", { code });
  }

  async post(path, content, token = null) {
    const headers = { "Content-Type": "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    const { status, answer } = await ask(this.base, `api/${path}`, this.request, {
      method: "POST",
      headers,
      body: JSON.stringify(content),
      signal: AbortSignal.timeout(PATIENCE_MS),
      cache: "no-store",
    });
    if (status === 200) return answer;
    if (typeof answer?.error !== "string" || status >= 500 || answer.error === "slow_down") {
      throw new Unreachable(`${path}: status ${status}`);
    }
    throw new Refused(answer.error);
  }
}

const MAKERS = {
  server: async (base) => new ServerTransport(base),
  jatos: async (base) => (await import("./transport-jatos.js")).JatosTransport.open(base),
  file: async (base) => (await import("./transport-file.js")).FileTransport.open(base),
};

export const openTransport = (name, base) => MAKERS[name](base);
