"use strict";

// Whatever a token holds is shown by textContent, so nothing of it is ever read as markup.

const find = (id) => document.getElementById(id);
const TIMES = ["exp", "nbf", "iat", "auth_time"];
const HERE = location.origin + "/_inspector";
let choices = null;
let curlOption = null;

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// A list is shown as a list, and an object as a list of its members.
function shown(value) {
  if (value === null || typeof value !== "object") {
    return document.createTextNode(typeof value === "string" ? value : JSON.stringify(value));
  }
  const list = element("ul");
  for (const [name, item] of Object.entries(value)) {
    const line = element("li");
    if (!Array.isArray(value)) line.append(element("b", name + " "));
    line.append(shown(item));
    list.append(line);
  }
  return list.children.length ? list : document.createTextNode(JSON.stringify(value));
}

function cell(value, className) {
  const made = element("td", undefined, className);
  made.append(shown(value));
  return made;
}

// NumericDate is in seconds (RFC 7519, 2); WSO2 1.x counts milliseconds.
function moment(seconds) {
  const time = new Date(seconds > 1e11 ? seconds : seconds * 1000);
  if (isNaN(time)) return "";
  return time.toISOString().replace("T", " ").replace(/\.000Z$/, " UTC") + ", here " +
    time.toLocaleString();
}

function showProblem(problem) {
  find("problem").textContent = problem || "";
  find("problem").hidden = !problem;
}

async function ask(path, body) {
  const answer = await fetch("/_inspector/" + path, body === undefined ? {} : {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const report = await answer.json();
  if (!answer.ok) throw new Error(report.error || answer.status + " " + answer.statusText);
  return report;
}

function fill(id, options, chosen) {
  for (const [value, text] of options) {
    const option = element("option", text);
    option.value = value;
    option.selected = value === chosen;
    find(id).append(option);
  }
}

function pairs(id, entries, empty) {
  const list = find(id);
  list.replaceChildren();
  for (const [name, value] of entries) {
    const described = element("dd");
    described.append(shown(value));
    list.append(element("dt", name), described);
  }
  if (!list.children.length) list.append(element("dd", empty));
}

function row(cells) {
  const made = element("tr");
  made.append(...cells);
  return made;
}

// A refused token gets one answer from every route that asks for one: a sentence says that.
function showRoutes(routes, code) {
  find("routes-part").hidden = !routes;
  const refused = (routes || []).filter((route) => route.code === code && route.status !== 200);
  const others = (routes || []).filter((route) => !refused.includes(route));
  find("all-refused").textContent = !refused.length ? "" :
    (others.length ? refused.length + " routes answer " : "Every route answers ") +
    refused[0].status + " " + code + ": the token is refused before any guard is asked.";
  find("routes-table").hidden = !others.length;
  find("routes").replaceChildren(...others.map((route) => row([
    element("td", route.method + " " + route.path, "value"),
    element("td", route.guard, "value"),
    element("td", (route.status || "") + " " + route.code,
      "status " + (route.status === 200 ? "good" : "bad")),
    element("td", route.why),
  ])));
}

// The claims that most tokens of a gateway share begin alike: what tells them apart stands out.
function claimName(name) {
  const made = element("th", undefined, "name");
  made.scope = "row";
  const end = name.lastIndexOf("/") + 1;
  if (end) made.append(element("span", name.slice(0, end), "prefix"));
  made.append(name.slice(end));
  return made;
}

function showGroups(groups) {
  const table = find("groups");
  table.replaceChildren(table.tHead, ...groups.map((group) => {
    const body = element("tbody");
    const title = element("th", group.name, "group");
    title.scope = "rowgroup";
    title.colSpan = 4;
    body.append(row([title]), ...group.claims.map((claim) => {
      const value = cell(claim.items.length > 1 ? claim.items : claim.value, "value");
      if (TIMES.includes(claim.name) && typeof claim.value === "number") {
        value.append(element("span", moment(claim.value), "readable"));
      }
      const fields = element("td", undefined, "fields");
      if (claim.fields.length) fields.append(shown(claim.fields));
      return row([claimName(claim.name), value, element("td", claim.meaning, "meaning"), fields]);
    }));
    return body;
  }));
  table.hidden = !groups.length;
  find("no-claims").hidden = groups.length > 0;
}

function show(report) {
  const good = report.code === "accepted";
  find("banner").className = good ? "good" : "bad";
  find("verdict").textContent = good ? "Accepted" : report.code;
  find("explanation").textContent = report.explanation +
    (report.cleaned ? " (The text around the token was left out.)" : "");
  find("hint").textContent = report.hint || "";
  pairs("facts", Object.entries(report.facts), "The token cannot be read.");
  const known = Object.entries(report.principal || {})
    .filter(([name, value]) => name !== "claims" && value !== null &&
      !(typeof value === "object" && Object.keys(value).length === 0));
  pairs("principal", known.map(([name, value]) => [name, name === "expires_at" ?
    moment(value) : value]), "There is none: this token lets nobody in.");
  curlOption = report.curl;
  find("copy").hidden = !curlOption;
  find("copied").textContent = "";
  showRoutes(report.routes, report.code);
  showGroups(report.groups);
  find("header").textContent = JSON.stringify(report.header, null, 2);
  find("result").hidden = false;
  find("verdict").focus();
  find("banner").scrollIntoView({ block: "nearest" });
}

async function inspect(token) {
  showProblem("");
  find("token").value = token;
  if (!token.trim()) {
    find("result").hidden = true;
    showProblem("There is no token yet: paste one, or pick a client.");
    return;
  }
  show(await ask("inspect", { token }));
}

function guarded(work) {
  return async (event) => {
    if (event) event.preventDefault();
    try {
      await work();
    } catch (error) {
      showProblem(error.message);
    }
  };
}

// Signing in: RFC 6749, 4.1 with PKCE (RFC 7636)

function text64(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function random() {
  return text64(crypto.getRandomValues(new Uint8Array(32)));
}

async function beginSignIn() {
  const verifier = random();
  const state = random();
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  sessionStorage.setItem("sign-in", JSON.stringify({ verifier, state }));
  location.assign("/authorize?" + new URLSearchParams({
    response_type: "code", client_id: choices.sign_in.client, redirect_uri: HERE, state,
    code_challenge: text64(new Uint8Array(digest)), code_challenge_method: "S256",
  }));
}

function step(text) {
  find("steps").append(element("li", text));
}

async function endSignIn(query) {
  const kept = JSON.parse(sessionStorage.getItem("sign-in") || "{}");
  sessionStorage.removeItem("sign-in");
  history.replaceState(null, "", HERE);
  if (query.has("error")) {
    throw new Error("The gateway refused: " + (query.get("error_description") || query.get("error")));
  }
  if (!kept.state || query.get("state") !== kept.state) {
    throw new Error("This sign-in did not begin on this page. Sign in again.");
  }
  step("You are logged in, and the gateway gave a code.");
  const answer = await fetch("/token", {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code", code: query.get("code"), redirect_uri: HERE,
      client_id: choices.sign_in.client, code_verifier: kept.verifier,
    }),
  });
  const token = await answer.json();
  if (!answer.ok) throw new Error("The gateway gave no access token: " + token.error);
  step("The gateway gave an access token for the code.");
  const echo = await fetch(choices.sign_in.echo + "?from=inspector", {
    headers: { Authorization: "Bearer " + token.access_token },
  });
  const assertion = echo.headers.get("X-JWT-Assertion");
  if (!echo.ok || !assertion) throw new Error("The Echo API answered " + echo.status);
  step("GET " + choices.sign_in.echo + " through the gateway: " + echo.status + ".");
  step("The API received the assertion that is decoded below.");
  await inspect(assertion);
}

async function begin() {
  choices = await ask("choices");
  fill("client", choices.clients.map((each) => [each.id, each.name + " (" + each.id + ")"]), "acme_corp");
  fill("user", [["", "nobody: the application itself"], ...choices.users.map((name) => [name, name])], "");
  fill("form", choices.forms.map((each) => [each.id, each.id]), choices.form);
  fill("fault", choices.faults.map((each) => [each.id, each.name]), "none");
  if (!choices.sign_in.client) {
    find("sign-in-button").disabled = true;
    find("sign-in-about").textContent = "To sign in here, add a client without a secret to " +
      "the accounts, with " + HERE + " in its redirect_uris.";
  }
  const query = new URLSearchParams(location.search);
  if (query.has("code") || query.has("error")) await endSignIn(query);
}

find("pick").addEventListener("submit", guarded(async () => {
  const made = await ask("sample", Object.fromEntries(new FormData(find("pick"))));
  await inspect(made.token);
}));
find("paste").addEventListener("submit", guarded(() => inspect(find("token").value)));
find("copy").addEventListener("click", guarded(async () => {
  await navigator.clipboard.writeText(curlOption);
  find("copied").textContent = "Copied: curl " + curlOption.slice(0, 40) + "...' and the address.";
}));
find("sign-in-button").addEventListener("click", guarded(beginSignIn));
find("claims-part").open = !matchMedia("(max-width: 40rem)").matches;
guarded(begin)();
