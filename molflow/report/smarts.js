/* SMARTS on molecules whose rings, aromaticity and hydrogens RDKit has found.

   Understood: Daylight's language with the elements, a A * D H h R r v X x, charges and #n, the
   logic ! & , ; and $(...), the bonds - = # : ~ @, branches, ring closures and pieces with a dot.
   Atom maps are skipped. The rest is refused: stereochemistry, isotopes, reactions, pieces in
   brackets and RDKit's own additions. The tests compare every answer with RDKit's. RDKit's own
   WebAssembly would be 3.2 MB of every page, and its loader needs eval, which the policy forbids. */
const smarts = (() => {
  const SYMBOLS = ("H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn "
    + "Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm "
    + "Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu "
    + "Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og").split(" ");
  const NUMBER = new Map(SYMBOLS.map((symbol, k) => [symbol, k + 1]));
  const AROMATIC = ["b", "c", "n", "o", "p", "s", "si", "as", "se", "te"];
  const ORGANIC = ["B", "C", "N", "O", "P", "S", "F", "Cl", "Br", "I"];
  const LONGEST = 2000, STEPS = 1e7, MATCHES = 200, DEEPEST = 20;
  let steps = 0; // A search of all molecules takes STEPS at most, of one molecule MATCHES matches.
  const BARE = [...ORGANIC, ...AROMATIC.slice(0, 6), "*", "a", "A"].sort((a, b) => b.length - a.length);
  const NAMED = [...SYMBOLS, ...AROMATIC].sort((a, b) => b.length - a.length);

  class SmartsError extends Error {}

  // Atoms of a molecule: {number, charge, hydrogens, valence, aromatic, bonds, rings, ringBonds}.
  const aliphatic = (number) => (atom) => atom.number === number && !atom.aromatic;
  const aromatic = (number) => (atom) => atom.number === number && atom.aromatic;
  const named = (name) => {
    if (name === "*") return () => true;
    if (name === "a") return (atom) => atom.aromatic;
    if (name === "A") return (atom) => !atom.aromatic;
    const number = NUMBER.get(name[0].toUpperCase() + name.slice(1));
    return name[0] === name[0].toLowerCase() ? aromatic(number) : aliphatic(number);
  };
  const smallest = (atom) => (atom.rings.length ? Math.min(...atom.rings) : 0);
  const COUNTS = {
    D: (atom) => atom.bonds.length,
    H: (atom) => atom.hydrogens + atom.bonds.filter(({ to }) => to.number === 1).length,
    h: (atom) => atom.hydrogens,
    R: (atom) => atom.rings.length,
    r: smallest,
    v: (atom) => atom.valence,
    X: (atom) => atom.bonds.length + atom.hydrogens,
    x: (atom) => atom.ringBonds,
  };
  const SOME = "hRrx"; // Without a number these ask for one or more, the others for one.
  const BONDS = {
    "-": (bond) => bond.order === 1 && !bond.aromatic,
    "=": (bond) => bond.order === 2 && !bond.aromatic,
    "#": (bond) => bond.order === 3,
    ":": (bond) => bond.aromatic,
    "~": () => true,
    "@": (bond) => bond.ring,
  };
  const either = (bond) => bond.aromatic || bond.order === 1;
  const REFUSED = {
    "/": "stereochemistry", "\\": "stereochemistry", ">": "reactions", "<": "dative bonds",
    "{": "ranges", "^": "hybridisation", z: "counts of hetero neighbours",
    Z: "counts of hetero neighbours", k: "sizes of any ring",
  };

  /* One reader goes through a text; at every fault it names the place. */
  const parse = (text) => {
    let at = 0, depth = 0;
    const fail = (words) => {
      throw new SmartsError(`${words}, at character ${at + 1}`);
    };
    const peek = (token) => text.startsWith(token, at);
    const take = (token) => peek(token) && ((at += token.length), true);
    const unexpected = () => {
      if (at >= text.length) fail("the text ends too early");
      if (REFUSED[text[at]]) fail(`${REFUSED[text[at]]} (${text[at]}) cannot be searched for here`);
      fail(`unexpected ${text[at]}`);
    };
    const digits = () => {
      const found = /^\d+/.exec(text.slice(at, at + 4))?.[0] ?? "";
      at += found.length;
      return found === "" ? null : Number(found);
    };

    /* not, and, or, and: ! binds closest, then & or nothing, then a comma, then a semicolon. */
    const logic = (one, starts) => {
      const not = () => {
        if (!take("!")) return one();
        const inner = not();
        return (thing) => !inner(thing);
      };
      const and = () => {
        const all = [not()];
        while (take("&") || starts()) all.push(not());
        return all.length === 1 ? all[0] : (thing) => all.every((test) => test(thing));
      };
      const or = () => {
        const any = [and()];
        while (take(",")) any.push(and());
        return any.length === 1 ? any[0] : (thing) => any.some((test) => test(thing));
      };
      const all = [or()];
      while (take(";")) all.push(or());
      return all.length === 1 ? all[0] : (thing) => all.every((test) => test(thing));
    };

    const primitive = () => {
      if (take("$(")) return recursive();
      if (take("#")) {
        const number = digits() ?? fail("a number is missing after #");
        return (atom) => atom.number === number;
      }
      if (peek("+") || peek("-")) return charge();
      if (peek("@")) fail("stereochemistry (@) cannot be searched for here");
      if (/\d/.test(text[at] ?? "")) fail("isotopes cannot be searched for here");
      const name = NAMED.find((one) => one !== "H" && peek(one));
      if (name) return take(name), named(name);
      const letter = text[at];
      if (COUNTS[letter]) return at++, counted(letter);
      return "*aA".includes(letter ?? " ") ? (at++, named(letter)) : unexpected();
    };
    const counted = (letter) => {
      const count = COUNTS[letter], number = digits();
      if (peek("{")) unexpected();
      if (number === null && SOME.includes(letter)) return (atom) => count(atom) > 0;
      return (atom) => count(atom) === (number ?? 1);
    };
    const charge = () => {
      const sign = text[at], direction = sign === "+" ? 1 : -1;
      let size = 0;
      while (take(sign)) size++;
      const number = size === 1 ? digits() ?? 1 : size;
      return (atom) => atom.charge === direction * number;
    };
    const recursive = () => {
      if (++depth > DEEPEST) fail("$( ) is nested too deeply");
      const inner = pattern();
      if (!take(")")) unexpected();
      depth--;
      return (atom) => find(inner, atom.molecule, atom, 1).length > 0;
    };
    const bracket = () => {
      const proton = /^H([+-]*\d?)(:\d+)?\]/.exec(text.slice(at));
      let test;
      if (proton && !/^\d/.test(proton[1])) {
        at++;
        const wanted = proton[1] ? charge() : () => true;
        test = (atom) => atom.number === 1 && wanted(atom);
      } else {
        test = logic(primitive, () => at < text.length && !"],;&:".includes(text[at]));
      }
      if (take(":") && digits() === null) fail("a number is missing after :");
      if (!take("]")) unexpected();
      return test;
    };
    const atomTest = () => {
      if (take("[")) return bracket();
      const name = BARE.find(peek);
      return name ? (take(name), named(name)) : null;
    };
    const bondTest = () => {
      const starts = () => at < text.length && "-=#:~@!".includes(text[at]);
      if (peek("->")) fail("dative bonds (->) cannot be searched for here");
      if (!starts()) return null;
      const begin = at;
      const one = () => (BONDS[text[at]] ? BONDS[text[at++]] : unexpected());
      const test = logic(one, starts);
      return { test, written: text.slice(begin, at) };
    };
    const closure = () => {
      if (!take("%")) return /\d/.test(text[at] ?? "") ? Number(text[at++]) : null;
      const found = /^(?:\d\d|\(\d{1,3}\))/.exec(text.slice(at));
      if (!found) fail("two digits are missing after %");
      at += found[0].length;
      return Number(found[0].replace(/[()]/g, ""));
    };

    /* An atom is a step: a test, and the bonds to atoms before it, the first of which leads to it. */
    const pattern = () => {
      const atoms = [], open = new Map(), branches = [];
      let last = null, bond = null, fresh = false;
      const join = (number) => {
        const other = open.get(number);
        if (fresh || last === null) unexpected();
        if (!other) return open.set(number, { atom: last, bond });
        open.delete(number);
        const [early, late] = [other.atom, last].sort((a, b) => a - b);
        if (early === late || atoms[late].back.some(({ to }) => to === early)) {
          fail(`ring closure ${number} joins atoms that are joined already`);
        }
        if (bond && other.bond && bond.written !== other.bond.written) {
          fail(`ring closure ${number} has two different bonds`);
        }
        return atoms[late].back.push({ to: early, test: (bond ?? other.bond)?.test ?? either });
      };
      for (;;) {
        const number = closure();
        if (number !== null) {
          join(number);
          bond = null;
        } else if (!bond && last !== null && !fresh && take("(")) {
          branches.push(last);
          fresh = true;
          bond = bondTest();
        } else if (!bond && branches.length && !fresh && take(")")) {
          last = branches.pop();
        } else if (!bond && last !== null && !branches.length && take(".")) {
          if (peek("(")) fail("pieces in brackets cannot be searched for here");
          if (at >= text.length) unexpected();
          last = null;
        } else if (bond || last === null || !(bond = bondTest())) {
          const test = atomTest();
          if (!test) break;
          const back = last === null ? [] : [{ to: last, test: bond?.test ?? either }];
          last = atoms.push({ test, back }) - 1;
          bond = null;
          fresh = false;
        }
      }
      if (!atoms.length && peek("(")) fail("pieces in brackets cannot be searched for here");
      if (bond || fresh || !atoms.length || branches.length) unexpected();
      for (const number of open.keys()) fail(`ring closure ${number} is not closed`);
      return atoms;
    };

    if (text.length > LONGEST) throw new SmartsError(`more than ${LONGEST} characters`);
    const made = pattern();
    if (at < text.length) unexpected();
    return made;
  };

  /* Up to `most` embeddings, each the atoms of the molecule in the order of the pattern's. */
  const find = (pattern, molecule, anchor = null, most = MATCHES) => {
    const found = [], chosen = [];
    const fits = (atom, step, from) => {
      if (++steps > STEPS) throw new SmartsError("this takes too long: ask for less at once");
      if (chosen.includes(atom)) return false;
      for (let k = from; k < step.back.length; k++) {
        const bond = atom.bonds.find((one) => one.to === chosen[step.back[k].to]);
        if (!bond || !step.back[k].test(bond)) return false;
      }
      return step.test(atom);
    };
    const enter = (atom, k) => {
      chosen.push(atom);
      go(k + 1);
      chosen.pop();
    };
    const go = (k) => {
      if (k === pattern.length) return found.push([...chosen]);
      const step = pattern[k], [first] = step.back;
      if (first) {
        for (const bond of chosen[first.to].bonds) {
          if (first.test(bond) && fits(bond.to, step, 1)) enter(bond.to, k);
          if (found.length >= most) break;
        }
      } else {
        for (const atom of k === 0 && anchor ? [anchor] : molecule.atoms) {
          if (fits(atom, step, 0)) enter(atom, k);
          if (found.length >= most) break;
        }
      }
      return found.length;
    };
    go(0);
    return found;
  };

  /* Of every molecule the atoms of its matches together, [] where there is none. */
  const search = (pattern, molecules) => {
    steps = 0;
    return molecules.map((one) => [...new Set(find(pattern, one).flat())]);
  };

  /* A molecule of lists; structures.py says what they hold. */
  const molecule = ({ atoms: numbers, bonds, points, rings }, kinds) => {
    const made = { atoms: [], bonds: [] };
    made.atoms = numbers.map((kind, k) => {
      const [symbol, number, charge, hydrogens, valence, isAromatic] = kinds[kind];
      return {
        index: k, symbol, number, charge, hydrogens, valence, aromatic: Boolean(isAromatic),
        x: points[2 * k], y: points[2 * k + 1], bonds: [], rings: [], ringBonds: 0, molecule: made,
      };
    });
    for (const ring of rings) for (const k of ring) made.atoms[k].rings.push(ring.length);
    const name = (i, j) => Math.min(i, j) * numbers.length + Math.max(i, j);
    const cyclic = new Set(rings.flatMap((ring) => ring.map((k, m) => name(k, ring[(m + 1) % ring.length]))));
    for (let k = 0; k < bonds.length; k += 3) {
      const [i, j, code] = bonds.slice(k, k + 3);
      const bond = { order: code & 3, aromatic: code > 3, ring: cyclic.has(name(i, j)) };
      made.bonds.push([i, j, bond]);
      for (const [from, to] of [[i, j], [j, i]]) {
        made.atoms[from].bonds.push({ ...bond, to: made.atoms[to] });
        made.atoms[from].ringBonds += bond.ring;
      }
    }
    return made;
  };

  return { parse, search, molecule, SmartsError };
})();
