"use strict";
(() => {
  const box = document.getElementById("search");
  const found = document.getElementById("found");
  const nothing = document.getElementById("nothing");
  const cards = Array.from(document.querySelectorAll(".feature"));
  const tables = Array.from(document.querySelectorAll("section.table"));
  if (!cards.length) return;
  box.parentElement.hidden = false;
  const filter = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const card of cards) {
      const fits = words.every((word) => card.dataset.words.includes(word));
      card.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    for (const table of tables) table.hidden = !table.querySelector(".feature:not([hidden])");
    found.textContent = words.length ? `${shown} of ${cards.length}` : "";
    nothing.hidden = shown > 0;
  };
  box.addEventListener("input", filter);
  filter();
})();
