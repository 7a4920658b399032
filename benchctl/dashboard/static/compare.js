// Copies a comparison, or its address. Browsers allow that over https and on this machine alone.
async function copy(button, text) {
  const label = button.textContent;
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = label; }, 1500);
}

if (navigator.clipboard) {
  const markdown = document.querySelector("[data-copies]");
  const link = document.querySelector("[data-copies-link]");
  markdown.hidden = link.hidden = false;
  markdown.addEventListener("click", async () => copy(markdown, await (await fetch(markdown.dataset.copies)).text()));
  link.addEventListener("click", () => copy(link, location.href));
}
