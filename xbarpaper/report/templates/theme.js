"use strict";
// The page follows the system's light or dark style until its button is pressed; then it remembers, where it may.
(() => {
  const root = document.documentElement;
  const dark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const remembered = () => {
    try { return localStorage.getItem("xbarpaper-theme"); } catch { return null; }
  };
  const remember = (theme) => {
    try { localStorage.setItem("xbarpaper-theme", theme); } catch { return; }
  };
  if (["light", "dark"].includes(remembered())) root.dataset.theme = remembered();
  addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("#theme");
    const label = () => {
      button.textContent = dark() ? "Light style" : "Dark style";
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      remember(root.dataset.theme);
      label();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
    label();
  });
})();
