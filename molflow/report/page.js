"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const list = byId("molecules");
  const sort = byId("sort"), show = byId("show"), search = byId("search");
  const direction = byId("direction"), count = byId("count");

  const items = [...list.children].map((card, k) => ({
    card,
    index: data.rows[k][0],
    reason: data.reasons[data.rows[k][1]],
    values: data.rows[k].slice(2),
    smiles: card.querySelector("button.smiles")?.textContent ?? "",
  }));

  const option = (select, value, text) => {
    const made = document.createElement("option");
    made.value = value;
    made.textContent = text;
    select.append(made);
  };
  option(sort, -1, "order of sampling");
  data.quantities.forEach((quantity, k) => option(sort, k, quantity.name));
  sort.value = data.sorted;

  const tally = new Map();
  for (const { reason } of items) tally.set(reason, (tally.get(reason) ?? 0) + 1);
  const valid = tally.get("") ?? 0;
  option(show, "all", `all (${items.length})`);
  option(show, "valid", `strictly valid (${valid})`);
  option(show, "failed", `not strictly valid (${items.length - valid})`);
  [...tally].sort((a, b) => b[1] - a[1]).forEach(([reason, number]) => {
    if (reason) option(show, "=" + reason, `\u2003${reason} (${number})`);
  });

  let ascending = true;
  const natural = () => {
    const quantity = data.quantities[sort.value];
    ascending = !quantity || quantity.better === "low";
  };

  const order = () => {
    const k = Number(sort.value), sign = ascending ? 1 : -1;
    const ways = k < 0 ? ["↑ first to last", "↓ last to first"] : ["↑ lowest first", "↓ highest first"];
    direction.textContent = ways[ascending ? 0 : 1];
    const key = (item) => (k < 0 ? item.index : item.values[k]);
    const sorted = [...items].sort((a, b) => {
      const x = key(a), y = key(b);
      if (x === null || y === null) return (x === null) - (y === null) || a.index - b.index;
      return sign * (x - y) || a.index - b.index;
    });
    list.append(...sorted.map((item) => item.card));
    list.querySelectorAll("dd.by").forEach((cell) => cell.classList.remove("by"));
    if (k < 0) return;
    const cells = list.querySelectorAll(`dl>div:nth-child(${k + 1})>dd`);
    cells.forEach((cell) => cell.classList.add("by"));
  };

  const tell = () => {
    const left = items.filter(({ card }) => !card.hidden).length;
    count.textContent = `${left.toLocaleString("en")} of ${items.length.toLocaleString("en")} shown`;
  };

  const filter = () => {
    const wanted = show.value, text = search.value.trim();
    for (const { card, reason, smiles } of items) {
      const fits = wanted === "all" || (wanted === "valid" && !reason)
        || (wanted === "failed" && reason) || wanted === "=" + reason;
      card.hidden = !(fits && (!text || smiles.includes(text)));
    }
    tell();
  };

  const copy = async (button) => {
    const text = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.classList.add("copied");
    count.textContent = `copied ${text}`;
    setTimeout(() => { button.classList.remove("copied"); tell(); }, 1500);
  };

  sort.addEventListener("change", () => { natural(); order(); });
  direction.addEventListener("click", () => { ascending = !ascending; order(); });
  show.addEventListener("change", filter);
  search.addEventListener("input", filter);
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button.smiles");
    if (button) copy(button);
  });
  // A point of a front leads to its card, whatever the filter hides; twice, because the first time
  // lays out cards whose height was guessed.
  addEventListener("hashchange", () => {
    const card = byId(location.hash.slice(1));
    if (card?.parentElement !== list) return;
    if (card.hidden) {
      show.value = "all";
      search.value = "";
      filter();
    }
    const go = () => card.scrollIntoView({ block: "center" });
    go();
    requestAnimationFrame(() => requestAnimationFrame(go));
  });

  byId("controls").hidden = false;
  natural();
  order();
  filter();
})();
