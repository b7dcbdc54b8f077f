"use strict";
for (const section of document.querySelectorAll("section.run")) {
  const data = JSON.parse(section.querySelector("script.data").textContent);
  if (!data.steps.length) continue;
  const one = (name) => section.querySelector(name);
  const slider = one(".controls input"), button = one(".controls button");
  const cursor = one("line.cursor"), line = one("svg.timeline");
  const figures = [...section.querySelectorAll(".frames figure")];
  let timer = null, shownPlan = -1;

  function words(parent, rows) {
    parent.replaceChildren(...rows.map((row) => {
      const item = document.createElement("li");
      item.textContent = row;
      return item;
    }));
  }

  function show(i) {
    const step = data.steps[i];
    slider.value = i;
    const figure = figures.filter((f) => Number(f.dataset.step) <= i).pop();
    for (const f of figures) f.classList.toggle("chosen", f === figure);
    if (figure) {
      one(".stage img").src = figure.querySelector("img").src;
      one(".stage figcaption").textContent =
        Number(figure.dataset.step) === i ? "" : "last key frame, " + (i - figure.dataset.step) + " steps ago";
    }
    one(".now .goal").textContent = data.goals[step.e] || "";
    const pill = one(".now .pill");
    pill.textContent = step.p;
    pill.className = "pill " + step.p;
    one(".now .act-name").textContent = step.a;
    one(".now .why").textContent = step.r;
    one(".now .failed").textContent = step.m ? "the last action failed: " + step.m : "";
    if (step.n !== shownPlan) {
      words(one("ol.plan"), step.n < 0 ? [] : data.plans[step.n]);
      shownPlan = step.n;
    }
    words(one("ul.learnt"), step.c);
    one(".controls output").textContent = "step " + step.s + "  ·  " + step.t.toFixed(1) + " s";
    const x = Number(line.dataset.left) + (i + 0.5) * Number(line.dataset.unit);
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    const robot = one(".robot");
    if (robot && step.xy) {
      robot.setAttribute("transform", `translate(${step.xy[0]} ${step.xy[1]}) rotate(${step.xy[2]})`);
      const trail = data.steps.slice(0, i + 1).filter((s) => s.e === step.e && s.xy);
      one(".trail").setAttribute("points", trail.map((s) => s.xy[0] + "," + s.xy[1]).join(" "));
    }
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    button.textContent = "play";
  }

  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  button.addEventListener("click", () => {
    if (timer) return stop();
    button.textContent = "pause";
    if (Number(slider.value) >= data.steps.length - 1) show(0);
    timer = setInterval(() => {
      const next = Number(slider.value) + 1;
      if (next >= data.steps.length) return stop();
      show(next);
    }, 120);
  });
  line.addEventListener("click", (event) => {
    const box = line.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * line.viewBox.baseVal.width - Number(line.dataset.left);
    const i = Math.floor(x / Number(line.dataset.unit));
    stop();
    show(Math.max(0, Math.min(data.steps.length - 1, i)));
  });
  for (const f of figures) f.addEventListener("click", () => { stop(); show(Number(f.dataset.step)); });
  show(data.steps.length - 1);
}
