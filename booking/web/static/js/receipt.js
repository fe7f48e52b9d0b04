"use strict";
// Opens a receipt in the browser. Only files that are the same for everybody are asked for: nothing says whose receipt it is.
const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const results = document.querySelector("[data-results]");
const say = (name) => { results.querySelector(`[data-say="${name}"]`).hidden = false; };

function read(text) {
  const entry = text.match(/\{[^{}]*\}/);
  const named = (name) => text.match(new RegExp(`\\b${name}\\b\\W*([0-9a-f]{64})\\b`));
  const salt = named("salt"), leaf = named("leaf");
  return entry && salt && leaf ? { entry: entry[0].replace(/\s+/g, ""), salt: salt[1], leaf: leaf[1] } : null;
}

// SHA-256(0x00 ‖ salt ‖ entry)
async function leafOf(receipt) {
  const entry = new TextEncoder().encode(receipt.entry);
  const whole = new Uint8Array(33 + entry.length);
  whole.set(bytes(receipt.salt), 1);
  whole.set(entry, 33);
  return hex(await crypto.subtle.digest("SHA-256", whole));
}

async function asked(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(address);
  return answer;
}

async function checkDraw(item, leaf) {
  const draw = await (await asked(item.dataset.file)).json();
  const line = draw.lines.find((one) => one.leaf === leaf);
  const struck = (draw.struck ?? []).find((one) => one.leaf === leaf);
  const found = !line ? "absent" : struck ? struck.reason : line.code !== "W" ? line.code : line.placed ? "placed" : "waiting";
  item.hidden = false;
  item.querySelector(`[data-line="${found}"]`).hidden = false;
  if (line && line.rank) {
    item.querySelector("[data-rank]").hidden = false;
    item.querySelector("b").textContent = line.rank;
  }
}

async function check() {
  for (const one of results.querySelectorAll("[data-say], [data-draws], [data-draws] > li, [data-line], [data-rank]")) one.hidden = true;
  const receipt = read(document.getElementById("recu").value);
  if (!receipt) return say("unreadable");
  if (!globalThis.crypto?.subtle) return say("insecure");
  if ((await leafOf(receipt)) !== receipt.leaf) return say("wrong");
  say("right");
  const leaves = (await (await asked("/tirages/registre.txt")).text()).split("\n");
  say(leaves.includes(receipt.leaf) ? "logged" : "unlogged");
  const { territory, family } = JSON.parse(receipt.entry);
  results.querySelector("[data-draws]").hidden = false;
  for (const item of results.querySelectorAll("[data-scope]")) {
    if (item.dataset.scope === `${territory}/${family}`) await checkDraw(item, receipt.leaf);
  }
}

const button = document.querySelector("[data-check]");
button.hidden = false;
button.addEventListener("click", () => check().catch(() => say("failed")));
