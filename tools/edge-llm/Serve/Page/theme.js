// Light or dark: what the system says, until the user says otherwise.

const NAME = 'edge-llm.theme';
const system = matchMedia('(prefers-color-scheme: dark)');
let chosen = stored();
apply();
system.addEventListener('change', apply);

export function isDark() {
  return chosen ? chosen === 'dark' : system.matches;
}

/** Changes to the other one. Following the system again needs no third state: it is what the system says. */
export function toggle() {
  chosen = isDark() ? 'light' : 'dark';
  if (isDark() === system.matches) chosen = '';
  try {
    localStorage.setItem(NAME, chosen);
  } catch {
    // It holds for this page.
  }
  apply();
}

function apply() {
  document.documentElement.dataset.theme = isDark() ? 'dark' : 'light';
}

function stored() {
  try {
    const theme = localStorage.getItem(NAME);
    return theme === 'light' || theme === 'dark' ? theme : '';
  } catch {
    return '';
  }
}
