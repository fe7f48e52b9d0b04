"use strict";
// The day list: asks every ten seconds whether anything changed (304 if not), and moves from person to person by keyboard.
const PERIOD_MS = 10000;
let mark = null;

async function refresh() {
  const list = document.querySelector("[data-refresh]");
  if (document.hidden || list.contains(document.activeElement)) return;
  const headers = { "X-Refresh": "1" };
  if (mark) headers["If-None-Match"] = mark;
  const answer = await fetch(location.href, { headers, redirect: "manual" });
  if (answer.status !== 200) return;
  mark = answer.headers.get("ETag");
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  list.replaceChildren(...page.querySelector("[data-refresh]").childNodes);
}

setInterval(() => refresh().catch(() => {}), PERIOD_MS);

document.addEventListener("keydown", (event) => {
  // Only from inside the list: a letter typed elsewhere, or spoken to a dictation program, moves nothing.
  if (!["j", "k"].includes(event.key) || event.ctrlKey || event.altKey || event.metaKey) return;
  const people = [...document.querySelectorAll("[data-visit]")];
  const here = people.indexOf(document.activeElement);
  if (here >= 0) people[here + (event.key === "j" ? 1 : -1)]?.focus();
});
