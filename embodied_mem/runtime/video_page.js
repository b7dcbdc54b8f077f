"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const events = new Map(data.events.map((event) => [event.id, event]));
const marks = new Map([...document.querySelectorAll("[data-event]")].map((mark) => [Number(mark.dataset.event), mark]));
const search = document.getElementById("search");
const results = document.querySelector(".results"), found = document.querySelector(".found");
const picture = document.querySelector(".viewer img"), caption = document.querySelector(".viewer figcaption");
const MOST = 200;

function clock(event) {
  const one = event.start.toFixed(1) + " s";
  return event.stop - event.start < 0.05 ? one : one + " to " + event.stop.toFixed(1) + " s";
}

function show(id) {
  const event = events.get(id);
  if (!event) return;
  if (data.pictures[event.picture]) picture.src = data.pictures[event.picture];
  caption.textContent = clock(event) + ": " + event.text;
  for (const [other, mark] of marks) mark.classList.toggle("chosen", other === id);
  for (const item of results.children) {
    if (item.classList.toggle("chosen", Number(item.dataset.id) === id)) item.scrollIntoView({ block: "nearest" });
  }
  const mark = marks.get(id);
  if (mark) mark.scrollIntoView({ block: "nearest" });
  history.replaceState(null, "", "#e" + id);
}

// Words are found from their beginning on: "red" is no part of "appeared".
function fits(event, words) {
  const told = wordsOf(event.kind + " " + event.text);
  return words.every((word) => told.some((one) => one.startsWith(word)));
}

function wordsOf(text) {
  return text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);
}

function find() {
  const words = wordsOf(search.value);
  const fitting = data.events.filter((event) => fits(event, words));
  const ids = new Set(fitting.map((event) => event.id));
  for (const [id, mark] of marks) mark.classList.toggle("faded", words.length > 0 && !ids.has(id));
  found.textContent = fitting.length + " of " + data.events.length + " events";
  results.replaceChildren(...fitting.slice(0, MOST).map((event) => {
    const item = document.createElement("li"), time = document.createElement("b");
    item.dataset.id = event.id;
    time.textContent = clock(event);
    item.append(time, event.text);
    return item;
  }));
}

results.addEventListener("click", (click) => {
  const item = click.target.closest("li");
  if (item) show(Number(item.dataset.id));
});
document.addEventListener("click", (click) => {
  const mark = click.target.closest("[data-event]");
  if (mark) show(Number(mark.dataset.event));
});
search.addEventListener("input", find);
find();
show(Number(location.hash.slice(2)) || (data.events[0] || {}).id);
