// Airflow shows this page in a sandboxed frame, which may not navigate the window; Airflow's own page may.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-airflow]");
  if (!link || window.parent === window || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const outside = window.parent.document.createElement("a");
  outside.href = link.href;
  outside.target = link.target;
  outside.rel = link.rel;
  outside.click();
});

// A box that chooses all boxes of that name; it is hidden where scripts do not run.
for (const label of document.querySelectorAll("[data-chooses]")) {
  label.hidden = false;
  label.addEventListener("change", (event) => {
    for (const box of document.getElementsByName(label.dataset.chooses)) box.checked = event.target.checked;
  });
}
