// Light or dark: as the system says, unless the reader has chosen.

const KEY = "pulp-actor-theme";

export const chosenTheme = () => localStorage.getItem(KEY) ?? "system";

export function applyTheme(theme = chosenTheme()) {
  if (theme === "system") {
    localStorage.removeItem(KEY);
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem(KEY, theme);
    document.documentElement.dataset.theme = theme;
  }
}
