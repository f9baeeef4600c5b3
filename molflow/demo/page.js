// Ticks outlive the cards, which are written anew with every batch and every change of order.
(() => {
  const picked = new Set();
  const show = () => document.querySelectorAll(".mf-pick").forEach((box) => { box.checked = picked.has(box.value); });
  document.addEventListener("change", (event) => {
    if (!event.target.matches?.(".mf-pick")) return;
    if (event.target.checked) picked.add(event.target.value);
    else picked.delete(event.target.value);
  });
  new MutationObserver((changes) => { if (changes.some((one) => one.addedNodes.length)) show(); })
    .observe(document.documentElement, { childList: true, subtree: true });
  window.molflow = {
    picked: () => [...picked].join(","),
    forget: () => { picked.clear(); show(); },
    save: (file) => {
      if (!file?.name) return;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([file.text], { type: "text/plain" }));
      link.download = file.name;
      link.click();
      URL.revokeObjectURL(link.href);
    },
  };
})();
