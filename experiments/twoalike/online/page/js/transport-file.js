/**
 * A plain host without a server: records stay in this browser, and are downloaded at the end.
 *
 * A participant's code is in the address (`?participant=w0001`), or is drawn from the id in it, else
 * from all that it says, so that the same person always has the same one.
 */

import { BrowserStorage } from "./storage.js";
import { readJson, Refused } from "./transports.js";

const HEAD = '{"kind":"session"';

export function newName(kind) {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return `${kind}-${Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("")}`;
}

export async function codeOf(codes, external, idParameter = "") {
  const { participant, ...given } = external;
  const person = given[idParameter] ? { [idParameter]: given[idParameter] } : given;
  if (participant !== undefined) {
    if (!codes.includes(participant)) throw new Refused("unknown");
    return participant;
  }
  const keys = Object.keys(person).sort();
  const id = keys.length ? keys.map((key) => `${key}=${person[key]}`).join("&") : newName("id");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(id));
  return codes[Number(new DataView(digest).getBigUint64(0) % BigInt(codes.length))];
}

export function outcomeOf(reason, settings, url) {
  const completed = reason === "completed";
  const code = settings[completed ? "completion_code" : `${reason}_code`] || null;
  const leads = url && (completed || code);
  return { code, url: leads ? url.replaceAll("{code}", code ?? "") : null };
}

/** What transports without a server of ours share: the page itself names sessions, `append` keeps lines. */
export class HostTransport {
  known = null;

  async enter({ external, token }) {
    if (token) {
      const [session, code] = token.split(" ");
      this.known = { session, code };
    } else this.known ??= await this.newSession(external);
    const { session, code } = this.known;
    const { language, languages = [] } = this.study;
    const folder = languages.indexOf(language) > 0 ? `${language}/people` : "people";
    const person = await readJson(this.base, `${folder}/${code}.json`, this.request);
    if (!token) await this.append([this.line({ entered: new Date().toISOString() })]);
    const first = { language, acknowledged: null, resume: null, withdraw: null };
    return { session, token: `${session} ${code}`, person, ...first };
  }

  line({ entered = null, ended = null }) {
    const { session, code: participant } = this.known;
    const protocol = this.study.hash;
    return JSON.stringify({ kind: "session", session, participant, protocol, entered, ended });
  }

  async send(_, records) {
    await this.append(records.map((record) => JSON.stringify(record)));
    return records.at(-1).n;
  }
}

export class FileTransport extends HostTransport {
  constructor({ study, settings, base, request, keep = (name) => BrowserStorage.open(name) }) {
    super();
    Object.assign(this, { study, settings, base, request, keep });
  }

  static async open(base) {
    return new this({ settings: await readJson(base, "transport.json"), base });
  }

  async newSession(external) {
    const { participants, id_parameter } = this.study;
    const code = await codeOf(participants, external, id_parameter);
    return { session: newName("web"), code };
  }

  get lines() {
    return (this.kept ??= this.keep(`twoalike kept ${this.known.session}`));
  }

  async append(lines) {
    await (await this.lines).append(lines, "strict");
  }

  async finish(_, reason) {
    await this.append([this.line({ ended: reason })]);
    const outcome = outcomeOf(reason, this.settings, this.study.completion_url);
    const { draft: lines } = await (await this.lines).load();
    if (lines.every((line) => line.startsWith(HEAD))) return outcome; // nothing was answered
    const text = lines.map((line) => `${line}\n`).join("");
    return { ...outcome, download: { name: `${this.known.session}.ndjson`, text } };
  }
}
