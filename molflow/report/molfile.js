/* What leaves the page: CSV, SDF of molfiles of version 2000, and text that is copied. */
const files = (() => {
  const LENGTH = 1.5; // Ångström of a bond on average.
  const right = (number, width) => String(number).padStart(width);
  const place = (number) => number.toFixed(4).padStart(10);

  const scale = ({ atoms, bonds }) => {
    const all = bonds.map(([i, j]) => Math.hypot(atoms[i].x - atoms[j].x, atoms[i].y - atoms[j].y));
    const mean = all.reduce((sum, one) => sum + one, 0) / all.length;
    return mean > 0 ? LENGTH / mean : LENGTH / 44;
  };

  /* The valence of every atom is written, so that no reader has to guess its hydrogens. */
  const valence = ({ bonds, hydrogens }) =>
    bonds.reduce((sum, { order }) => sum + order, hydrogens) || 15;

  const molfile = (title, molecule) => {
    const { atoms, bonds } = molecule, unit = scale(molecule);
    const middle = (key) => atoms.reduce((sum, atom) => sum + atom[key], 0) / atoms.length;
    const x = middle("x"), y = middle("y");
    const charged = atoms.filter((atom) => atom.charge);
    const lines = [title, "  molflow           2D", "",
      `${right(atoms.length, 3)}${right(bonds.length, 3)}  0  0  0  0  0  0  0  0999 V2000`];
    for (const atom of atoms) {
      const where = place((atom.x - x) * unit) + place((y - atom.y) * unit) + place(0);
      lines.push(`${where} ${atom.symbol.padEnd(3)} 0  0  0  0  0${right(valence(atom), 3)}`
        + "  0  0  0  0  0  0");
    }
    for (const [i, j, { order }] of bonds) {
      lines.push(right(i + 1, 3) + right(j + 1, 3) + right(order, 3) + "  0");
    }
    for (let k = 0; k < charged.length; k += 8) {
      const some = charged.slice(k, k + 8);
      const pairs = some.map((atom) => ` ${right(atom.index + 1, 3)} ${right(atom.charge, 3)}`);
      lines.push(`M  CHG${right(some.length, 3)}${pairs.join("")}`);
    }
    return [...lines, "M  END"].join("\n");
  };

  /* tags: [name, value] of every molecule; nothing in them can end a line or a tag. */
  const record = (title, molecule, tags) => {
    const known = tags.filter(([, value]) => value !== null && value !== "");
    const texts = known.map(([name, value]) =>
      `>  <${String(name).replace(/[\r\n<>]/g, "_")}>\n${String(value).replace(/[\r\n]+/g, " ")}\n\n`);
    return `${molfile(title, molecule)}\n${texts.join("")}$$$$\n`;
  };

  const cell = (value) => {
    const text = value === null ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (rows) => rows.map((row) => `${row.map(cell).join(",")}\n`).join("");

  const save = (name, type, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };

  return { copy, csv, record, save };
})();
