// The messages of the conversation that is shown, and where they are scrolled to.

import { choose, path } from './conversation.js';
import { MessageView } from './message.js';

const NEAR = 60; // pixels from the end that still count as its end

export class Messages {
  #root;
  #scroller;
  #latest;
  #actions;
  #conversation = null;
  #views = []; // { index, view } from the first message to the leaf
  #follow = true;
  #frame = 0;
  #pause = 0;

  /** @param latest the button that goes to the end. */
  constructor(root, latest, actions) {
    this.#root = root;
    this.#scroller = root.parentElement;
    this.#latest = latest;
    this.#actions = { ...actions, edit: index => this.edit(index), choose: index => this.#choose(index) };
    this.#scroller.addEventListener('scroll', () => this.#scrolled());
    latest.addEventListener('click', () => this.#toEnd());
    new ResizeObserver(() => this.#follow && this.#toEnd()).observe(this.#scroller);
  }

  /** Shows a conversation; `answering` is the index of the message that is being answered. Messages that are shown already stay. */
  show(conversation, answering = -1) {
    const isOther = conversation !== this.#conversation;
    if (isOther) this.#drop(0);
    this.#conversation = conversation;
    const indices = path(conversation);
    let kept = 0;
    while (kept < this.#views.length && this.#views[kept].index === indices[kept]) kept++;
    this.#drop(kept);
    for (const index of indices.slice(kept)) {
      const view = new MessageView(conversation, index, this.#actions);
      if (conversation.messages[index].role === 'assistant') view.update(index === answering);
      this.#views.push({ index, view });
      this.#root.append(view.element);
    }
    if (isOther || (answering >= 0 && kept < indices.length)) this.#toEnd();
  }

  /** Shows what an answer has got, at most once a frame and so that drawing takes a small part of the time. */
  update(conversation, index) {
    if (conversation !== this.#conversation || this.#frame) return;
    const draw = () => {
      const start = performance.now();
      if (start < this.#pause) {
        this.#frame = requestAnimationFrame(draw);
        return;
      }
      this.#frame = 0;
      this.#view(index)?.update();
      if (this.#follow) this.#toEnd();
      this.#pause = performance.now() + 3 * (performance.now() - start);
    };
    this.#frame = requestAnimationFrame(draw);
  }

  /** An answer has ended. */
  end(conversation, index) {
    if (conversation !== this.#conversation) return;
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#view(index)?.update(false);
    if (this.#follow) this.#toEnd();
  }

  edit(index) {
    const view = this.#view(index);
    view?.edit(text => {
      view.element.querySelector('[aria-label="Edit message"]')?.focus();
      if (text !== null && text !== this.#conversation.messages[index].content) this.#actions.edited(index, text);
    });
  }

  #choose(index) {
    choose(this.#conversation, index);
    this.#actions.chosen();
    this.#view(index)?.element.querySelector('.versions button:not([disabled])')?.focus();
  }

  #view(index) {
    return this.#views.find(shown => shown.index === index)?.view;
  }

  #drop(from) {
    for (const { view } of this.#views.splice(from)) view.element.remove();
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#follow = scrollHeight - scrollTop - clientHeight < NEAR;
    this.#latest.hidden = this.#follow;
  }

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#follow = true;
    this.#latest.hidden = true;
  }
}
