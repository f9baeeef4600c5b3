(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const list = byId("molecules");
  const sort = byId("sort"), direction = byId("direction"), show = byId("show");
  const by = byId("by"), search = byId("search"), fault = byId("fault"), count = byId("count");
  const distinct = byId("distinct"), starred = byId("starred"), empty = byId("empty");
  const written = (number) => number.toLocaleString("en");

  const items = [...list.children].map((card, k) => ({
    card,
    index: data.rows[k][0],
    reason: data.reasons[data.rows[k][1]],
    values: data.rows[k].slice(2),
    structure: data.structures[k],
    smiles: card.querySelector("button.smiles")?.textContent ?? "",
    hit: true,
  }));
  const found = new Map(items.map((item) => [item.index, item]));

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
  option(show, "all", `all (${written(items.length)})`);
  option(show, "valid", `strictly valid (${written(valid)})`);
  option(show, "failed", `not strictly valid (${written(items.length - valid)})`);
  [...tally].sort((a, b) => b[1] - a[1]).forEach(([reason, number]) => {
    if (reason) option(show, "=" + reason, `\u2003${reason} (${written(number)})`);
  });

  let ascending = true;
  const natural = () => {
    const quantity = data.quantities[sort.value];
    ascending = !quantity || quantity.better === "low";
  };

  /* Cards that change while they have no style cost a fiftieth; without a layout nothing scrolls. */
  const quietly = (change) => {
    list.style.display = "none";
    void getComputedStyle(list).display;
    change();
    list.style.display = "";
  };

  const order = () => {
    const k = Number(sort.value), sign = ascending ? 1 : -1;
    const ways = k < 0 ? ["↑ first to last", "↓ last to first"] : ["↑ lowest first", "↓ highest first"];
    direction.textContent = ways[ascending ? 0 : 1];
    const key = (item) => (k < 0 ? item.index : item.values[k]);
    items.sort((a, b) => {
      const x = key(a), y = key(b);
      if (x === null || y === null) return (x === null) - (y === null) || a.index - b.index;
      return sign * (x - y) || a.index - b.index;
    });
    quietly(() => list.append(...items.map((item) => item.card)));
    list.querySelectorAll("dd.by").forEach((cell) => cell.classList.remove("by"));
    if (k >= 0) {
      const cells = list.querySelectorAll(`dl>div:nth-child(${k + 1})>dd`);
      cells.forEach((cell) => cell.classList.add("by"));
    }
    filter();
  };

  const shown = () => items.filter(({ card }) => !card.hidden);
  const tell = () => {
    const left = shown().length;
    count.textContent = `${written(left)} of ${written(items.length)} shown`;
    empty.hidden = left > 0;
    const unstarred = starred.checked && !stars.size;
    empty.firstChild.textContent = unstarred ? "No molecule is starred: press ☆ on a card. "
      : "No molecule fits the search and the filters. ";
  };

  const filter = () => {
    const wanted = show.value, seen = new Set();
    quietly(() => {
      for (const { card, index, reason, smiles, hit } of items) {
        const kind = wanted === "all" || (wanted === "valid" && !reason)
          || (wanted === "failed" && reason) || wanted === "=" + reason;
        const fits = kind && hit && (!starred.checked || stars.has(index));
        card.hidden = !fits || (distinct.checked && smiles !== "" && seen.has(smiles));
        if (fits) seen.add(smiles);
      }
    });
    tell();
  };

  /* A search finds a group by its name, a SMARTS, or a part of the SMILES. */
  const names = new Map(data.groups.map(([name, pattern]) => [name.toLowerCase(), pattern]));
  const molecule = (item) => {
    if (item.structure && !item.molecule) item.molecule = smarts.molecule(item.structure, data.kinds);
    return item.molecule;
  };
  const matches = (pattern) => {
    const known = items.filter(molecule);
    const atoms = smarts.search(smarts.parse(pattern), known.map((item) => item.molecule));
    return new Map(known.map((item, k) => [item, atoms[k]]).filter(([, all]) => all.length));
  };

  const mark = (item, atoms) => {
    const all = new Set(atoms.map((atom) => atom.index));
    const dots = atoms.map(({ x, y }) => `M${x} ${y}h0`);
    const lines = item.molecule.bonds.filter(([i, j]) => all.has(i) && all.has(j)).map(([i, j]) => {
      const [a, b] = [item.molecule.atoms[i], item.molecule.atoms[j]];
      return `M${a.x} ${a.y}L${b.x} ${b.y}`;
    });
    const path = document.createElementNS(list.querySelector("svg.mol").namespaceURI, "path");
    path.setAttribute("class", "hit");
    path.setAttribute("d", [...dots, ...lines].join(""));
    item.card.querySelector("svg.mol")?.prepend(path);
  };

  const complain = (text) => {
    fault.textContent = text;
    search.setAttribute("aria-invalid", Boolean(text));
  };
  const seek = () => {
    const text = search.value.trim();
    let hits = null;
    try {
      if (text && by.value === "structure") hits = matches(names.get(text.toLowerCase()) ?? text);
      complain("");
    } catch (error) {
      if (!(error instanceof smarts.SmartsError)) throw error;
      complain(`Neither a group's name nor a SMARTS: ${error.message}. The search before it stands.`);
      return;
    }
    list.querySelectorAll("path.hit").forEach((path) => path.remove());
    for (const item of items) {
      item.hit = hits ? hits.has(item) : item.smiles.includes(text);
      if (hits?.has(item)) mark(item, hits.get(item));
    }
    filter();
  };

  let waiting = 0;
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(seek, 150);
  };
  const ask = () => {
    const structure = by.value === "structure";
    byId("asks").textContent = structure ? "SMARTS or the name of a group" : "SMILES contains";
    search.placeholder = structure ? "c1ccncc1, amide" : "CC(=O)N";
    if (structure) search.setAttribute("list", "groups");
    else search.removeAttribute("list");
  };

  /* The names of the groups that are there, commonest first, are counted a group at a time. */
  const suggest = () => {
    const counts = [], left = [...data.groups];
    const next = () => {
      const group = left.shift();
      if (group) {
        counts.push([group[0], matches(group[1]).size]);
        setTimeout(next);
        return;
      }
      counts.sort((a, b) => b[1] - a[1]);
      for (const [name, number] of counts) {
        if (number) option(byId("groups"), name, `${written(number)} on this page`);
      }
    };
    next();
  };

  /* The fragment of the address is a place, stars, or both: #m3&stars=3,17. */
  const stars = new Set();
  const address = () => {
    const parts = location.hash.slice(1).replace(/%2C/gi, ",").split("&");
    const listed = parts.find((part) => part.startsWith("stars="));
    return {
      place: parts[0].startsWith("stars=") ? "" : parts[0],
      listed: listed?.slice(6).split(",").map(Number),
    };
  };
  const keep = () => {
    const numbers = [...stars].sort((a, b) => a - b).join(",");
    const parts = [address().place, numbers && `stars=${numbers}`].filter(Boolean);
    history.replaceState("kept", "", `#${parts.join("&")}`);
  };
  const light = () => {
    byId("stars").textContent = written(stars.size);
    for (const { index, star } of items) {
      star.setAttribute("aria-pressed", stars.has(index));
      star.textContent = stars.has(index) ? "★" : "☆";
    }
  };
  const adopt = (listed) => {
    stars.clear();
    for (const index of listed) if (found.has(index)) stars.add(index);
  };
  for (const item of items) {
    item.star = document.createElement("button");
    item.star.type = "button";
    item.star.className = "star";
    item.star.setAttribute("aria-label", `star molecule ${item.index}`);
    item.star.addEventListener("click", () => {
      if (!stars.delete(item.index)) stars.add(item.index);
      keep();
      light();
      if (starred.checked) filter();
    });
    item.card.firstChild.after(item.star);
  }

  const clear = () => {
    show.value = "all";
    search.value = "";
    distinct.checked = starred.checked = false;
    seek();
  };
  const reset = document.createElement("button");
  reset.type = "button";
  reset.textContent = "Show all";
  reset.addEventListener("click", clear);
  empty.append("", reset);

  const head = ["index", "smiles", "reason", ...data.quantities.map(({ name }) => name)];
  const why = ({ card }) => card.querySelector(".why")?.lastChild.textContent.trim() ?? "";
  const saveCsv = () => {
    const rows = shown().map((item) => [item.index, item.smiles, why(item), ...item.values]);
    files.save("molecules.csv", "text/csv", files.csv([head, ...rows]));
  };
  const saveSdf = () => {
    const all = shown(), known = all.filter(molecule);
    const records = known.map((item) => {
      const values = data.quantities.map(({ name }, k) => [name, item.values[k]]);
      const tags = [["index", item.index], ["SMILES", item.smiles], ["reason", why(item)], ...values];
      return files.record(item.index, item.molecule, tags);
    });
    files.save("molecules.sdf", "chemical/x-mdl-sdfile", records.join(""));
    if (known.length < all.length) {
      count.textContent = `${written(known.length)} saved; ${written(all.length - known.length)} `
        + "have no structure that a molfile holds";
    }
  };

  const copy = async (button) => {
    const text = button.textContent;
    await files.copy(text);
    button.focus();
    button.classList.add("copied");
    count.textContent = `copied ${text}`;
    setTimeout(() => { button.classList.remove("copied"); tell(); }, 1500);
  };

  sort.addEventListener("change", () => { natural(); order(); });
  direction.addEventListener("click", () => { ascending = !ascending; order(); });
  for (const one of [show, distinct, starred]) one.addEventListener("change", filter);
  by.addEventListener("change", () => { ask(); seek(); });
  search.addEventListener("input", soon);
  search.addEventListener("focus", suggest, { once: true });
  byId("csv").addEventListener("click", saveCsv);
  byId("sdf").addEventListener("click", saveSdf);
  byId("controls").addEventListener("submit", (event) => { event.preventDefault(); seek(); });
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button.smiles");
    if (button) copy(button);
  });

  // A point of a front leads to its card, whatever the filter hides; twice, because the first time
  // lays out cards whose height was guessed.
  const visit = (place) => {
    const target = byId(place), card = target?.parentElement === list ? target : null;
    list.querySelector(".here")?.classList.remove("here");
    card?.classList.add("here");
    if (card?.hidden) clear();
    const go = () => target?.scrollIntoView({ block: card ? "center" : "start" });
    go();
    requestAnimationFrame(() => requestAnimationFrame(go));
  };
  // An entry of the history that this page has written may hold stars of earlier: it is rewritten.
  addEventListener("hashchange", () => {
    const { place, listed } = address();
    if (listed && history.state !== "kept") adopt(listed);
    if (stars.size || listed) keep();
    light();
    filter();
    if (place) visit(place);
  });

  adopt(address().listed ?? []);
  byId("controls").hidden = false;
  light();
  ask();
  natural();
  order();
  if (address().listed && address().place) visit(address().place);
})();
