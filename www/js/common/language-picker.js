// The choice of the pages' language, wherever a page leaves room for it (<select data-language>).

import { announce } from './announcer.js';
import { LANGUAGES, chooseLanguage, words } from './language.js';

/** Fills the page's pickers; a choice is remembered in this browser and loads the page again, which loses nothing. */
export function languagePickers() {
  for (const picker of document.querySelectorAll('select[data-language]')) {
    const select = /** @type {HTMLSelectElement} */ (picker);
    select.setAttribute('aria-label', words.common.language);
    for (const [code, name] of Object.entries(LANGUAGES)) {
      const option = new Option(name, code, false, code === words.language);
      option.lang = code;
      select.append(option);
    }
    select.addEventListener('change', async () => {
      announce(words.common.loading);
      if (!await chooseLanguage(select.value)) select.value = words.language;
    });
  }
}
