// The field that a message is written in, with its buttons and the use of the context.

import { number } from './message.js';

const touch = matchMedia('(pointer: coarse)');

export class Composer {
  #form = document.getElementById('composer');
  #text = document.getElementById('text');
  #send = document.getElementById('send');
  #stop = document.getElementById('stop');
  #meter = document.getElementById('meter');
  #usage = document.getElementById('usage-text');
  #answering = false;

  /** @param actions send(text): whether it was taken; stop(); editLast() */
  constructor(actions) {
    this.#form.addEventListener('submit', e => {
      e.preventDefault();
      this.#submit(actions);
    });
    this.#stop.addEventListener('click', () => actions.stop());
    this.#text.addEventListener('input', () => this.#changed());
    this.#text.addEventListener('keydown', e => {
      // On a touch screen the key makes a line, and the button sends.
      if (e.key === 'Enter' && !e.shiftKey && !e.isComposing && !touch.matches) {
        e.preventDefault();
        this.#submit(actions);
      } else if (e.key === 'ArrowUp' && this.#text.value === '') {
        e.preventDefault();
        actions.editLast();
      }
    });
    new ResizeObserver(() => this.#fit()).observe(this.#form);
  }

  focus() {
    this.#text.focus({ preventScroll: true });
  }

  /** Whether there is an answer to stop. */
  set answering(value) {
    const hadFocus = [this.#send, this.#stop].includes(document.activeElement);
    this.#answering = value;
    this.#send.hidden = value;
    this.#stop.hidden = !value;
    if (hadFocus) this.focus();
    this.#changed();
  }

  /** Shows how much of the context is used, and the speed of an answer that is being made. */
  show({ used, size, rate, pieces }) {
    this.#meter.hidden = !(size > 0 && used > 0);
    if (size > 0) this.#meter.value = Math.min(1, used / size);
    const context = used > 0 ? `${number(used)}${size > 0 ? ` of ${number(size)}` : ''} tokens` : '';
    const speed = rate > 0 ? `${number(pieces)} tokens, ${rate.toFixed(rate < 10 ? 1 : 0)} tokens/s` : '';
    this.#usage.textContent = speed || context;
  }

  #submit(actions) {
    if (this.#answering || !this.#text.value.trim() || !actions.send(this.#text.value)) return;
    this.#text.value = '';
    this.#changed();
  }

  #changed() {
    this.#send.disabled = !this.#text.value.trim();
    this.#fit();
  }

  #fit() {
    this.#text.style.height = 'auto';
    this.#text.style.height = `${Math.min(this.#text.scrollHeight, innerHeight * 0.4)}px`;
  }
}
