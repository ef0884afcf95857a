"use strict";

// Elements of a page, for every page.

const byId = (id) => document.getElementById(id);

/** A new element. All text from data enters the page here, as text and never as HTML. */
function element(tag, className = "", text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}
