// Keeps a list of elements in step with a list of items, without touching the elements whose item is unchanged, so
// that focus, open menus and playing sounds survive every update.

/**
 * @template T
 * @typedef {{element: HTMLElement, update: (item: T, index: number) => void}} Row
 */

/** @template T */
export class KeyedList {
  /**
   * @param {HTMLElement} parent holds the rows and nothing else
   * @param {(item: T) => string} keyOf
   * @param {(item: T) => Row<T>} create makes a row; `update` is called for it right after
   */
  constructor(parent, keyOf, create) {
    this.parent = parent;
    this.keyOf = keyOf;
    this.create = create;
    /** @type {Map<string, Row<T>>} */
    this.rows = new Map();
  }

  /** @param {T[]} items in the order they are shown */
  render(items) {
    const keys = new Set(items.map(this.keyOf));
    for (const [key, row] of this.rows) {
      if (!keys.has(key)) {
        row.element.remove();
        this.rows.delete(key);
      }
    }
    /** @type {Element | null} */
    let place = this.parent.firstElementChild;
    items.forEach((item, index) => {
      const key = this.keyOf(item);
      let row = this.rows.get(key);
      if (!row) {
        row = this.create(item);
        this.rows.set(key, row);
      }
      if (row.element === place) place = place.nextElementSibling;
      else this.parent.insertBefore(row.element, place);
      row.update(item, index);
    });
  }
}
