/**
 * The operator's page: who is where, how carefully and how fast, payments, stop and go on.
 *
 * It shows text only (`textContent`), so that nothing a participant sends can become a part of the
 * page, and keeps the token in memory: a reload asks for it again.
 */

import { make } from "../js/look.js";

const EVERY_S = 5; // how often the list is read again
const HERE_S = 90; // heard of within this time: the person is at it
const FEW_RIGHT = 0.8; // share of attention checks right below which a session is marked
const MANY_FAST = 0.1; // share of fast trials above which it is marked

const STATES = {
    completed: "completed",
    declined: "did not consent",
    screened_out: "screened out",
    interrupted: "left the page",
    expired: "did not come back",
    withdrawn: "withdrawn",
};

const element = (id) => document.getElementById(id);

let token = "";
let accepting = true;
let timer = 0;

async function ask(path, options = {}) {
    const headers = { ...options.headers, authorization: `Bearer ${token}` };
    const answer = await fetch(`../api/operator/${path}`, { ...options, headers, cache: "no-store" });
    if (answer.status === 403) throw new Error("This is not the token of the operator.");
    if (!answer.ok) throw new Error(`The server answered with ${answer.status}.`);
    return answer;
}

async function attempt(action) {
    try {
        await action();
        element("trouble").textContent = "";
    } catch (error) {
        const lost = error instanceof TypeError; // fetch: no connection
        element("trouble").textContent = lost ? "The server does not answer." : String(error.message);
    }
}

function ago(seconds) {
    if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s ago`;
    if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
    if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h ago`;
    return `${Math.round(seconds / 86400)} days ago`;
}

function stateOf(session, now) {
    if (session.ended !== null) return STATES[session.ended] + (session.returned ? ", code free" : "");
    return now - session.last < HERE_S ? "here" : "away";
}

function row(session, now) {
    const state = stateOf(session, now);
    const { trials, fast, checks, right, rule } = session;
    const ended = session.ended !== null;
    const cells = [
        [session.participant],
        [state, state === "here" ? "here" : ""],
        [new Date(1000 * session.entered).toLocaleString()],
        [ago(now - (ended && session.ended_at !== null ? session.ended_at : session.last))],
        [session.parts > 1 ? `${Math.min(session.part, session.parts)} of ${session.parts}` : ""],
        [session.listed === null ? `${trials}` : `${trials} of ${session.listed}`],
        [checks ? `${right} of ${checks} ${rule}` : "", rule || (checks && right < FEW_RIGHT * checks) ? "doubtful" : ""],
        [trials ? `${fast}` : "", fast > MANY_FAST * trials ? "doubtful" : ""],
    ];
    const line = make("tr", {}, ...cells.map(([text, kind]) => make("td", { class: kind || "" }, text)));
    if (state === "away") line.cells[1].append(" ", freeButton(session));
    return line;
}

function freeButton({ name, participant, trials }) {
    const attributes = { type: "button", "aria-label": `Free the place of ${participant}` };
    const button = make("button", attributes, "Free place");
    const kept = trials ? "trials are stored, so the code is not given to anyone else" : "the code becomes free";
    button.addEventListener("click", () => {
        const question = `End the session of ${participant}? It cannot be continued; ${kept}.`;
        if (window.confirm(question)) attempt(() => change("free", { session: name }));
    });
    return button;
}

async function change(path, content) {
    const headers = { "content-type": "application/json" };
    await ask(path, { method: "POST", headers, body: JSON.stringify(content) });
    await update();
}

function show(state) {
    document.title = `${state.study}: operator`;
    element("study").textContent = state.study;
    const states = state.sessions.map((session) => session.ended ?? stateOf(session, state.now));
    const count = (name) => `${states.filter((one) => one === name).length}`;
    const facts = {
        "Here now": count("here"),
        Away: count("away"),
        Completed: count("completed"),
        "Did not come back": count("expired"),
        "No consent": count("declined"),
        "Screened out": count("screened_out"),
        Withdrawn: count("withdrawn"),
        Limit: state.most === null ? "none" : `${state.people} of ${state.most}`,
        "Codes free": `${state.free} of ${state.codes}`,
        ...(state.links ? { "Links used": `${state.links_used} of ${state.links}` } : {}),
    };
    element("summary").replaceChildren(
        ...Object.entries(facts).map(([name, value]) =>
            make("div", {}, make("dt", {}, name), make("dd", {}, value)),
        ),
    );
    accepting = state.accepting;
    element("accepting").textContent = accepting ? "Close recruitment" : "Reopen recruitment";
    element("updated").textContent = accepting
        ? "Recruitment is open."
        : "Recruitment is closed. Those who have begun may finish.";
    element("sessions").replaceChildren(...state.sessions.map((session) => row(session, state.now)));
    element("enter").hidden = true;
    element("shown").hidden = false;
}

async function update() {
    show(await (await ask("state")).json());
}

async function download(path, name) {
    const href = URL.createObjectURL(await (await ask(path)).blob());
    make("a", { href, download: name }).click();
    URL.revokeObjectURL(href);
}

element("enter").addEventListener("submit", (event) => {
    event.preventDefault();
    token = element("token").value.trim();
    attempt(async () => {
        await update();
        clearInterval(timer);
        timer = window.setInterval(() => {
            const used = element("sessions").contains(document.activeElement); // it would lose its focus
            if (!used) attempt(update);
        }, 1000 * EVERY_S);
    });
});
element("accepting").addEventListener("click", () => attempt(() => change("accepting", { on: !accepting })));
element("payments").addEventListener("click", () => attempt(() => download("payments.csv", "payments.csv")));
element("records").addEventListener("click", () => attempt(() => download("records", "records.ndjson")));
