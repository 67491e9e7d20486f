// Runs before the first paint, so that a chosen theme never flashes in the other one.
try {
  var chosen = localStorage.getItem("ucv.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden; the system's theme applies then.
}
