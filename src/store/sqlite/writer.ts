/**
 * The main thread's side of the worker: questions and answers in order, and the end of it. Any error of the worker, its
 * death included, fails every open question and all later ones: the store is then closed for good.
 */
import { Worker } from 'node:worker_threads';
import { deferred, type Deferred } from '#base/deferred.ts';
import { StoreFailed, type Revision } from '../store.ts';
import type { Answer, Copied, Opened, Question, Start } from './protocol.ts';
import { transferOf } from './rows.ts';

export class Writer {
  readonly #worker: Worker;
  readonly #open: Deferred<Answer>[] = [];
  readonly #copies = new Map<string, Deferred<void>>();
  #first = 0;
  readonly #opened = deferred<Opened>();
  readonly #failed = deferred<Error>();
  readonly #exited = deferred();
  #failure: StoreFailed | undefined;
  #ending = false;

  constructor(start: Start) {
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: start, name: 'k8ts-store' });
    this.#worker.once('message', (opened: Opened) => {
      this.#opened.resolve(opened);
      this.#worker.on('message', (message: Answer | Copied) => {
        if ('copied' in message) this.#onCopied(message);
        else this.#onAnswer(message);
      });
    });
    this.#worker.on('error', (error) => this.fail(error.message, error));
    this.#worker.on('exit', (code) => {
      if (!this.#ending) this.fail(`the store's thread ended with code ${code}`);
      this.#exited.resolve();
    });
  }

  get failed(): Promise<Error> {
    return this.#failed.promise;
  }

  get failure(): StoreFailed | undefined {
    return this.#failure;
  }

  /** Waits for the data file; rejects with what is wrong with it, and the thread is gone then. */
  async opened(): Promise<{ revision: Revision; compacted: Revision }> {
    const opened = await Promise.race([this.#opened.promise, this.failed]);
    if ('revision' in opened) return opened;
    this.#ending = true;
    await this.#worker.terminate();
    throw 'failed' in opened ? new StoreFailed(opened.failed) : opened;
  }

  ask(question: Question): Promise<Answer> {
    if (this.#failure) return Promise.reject(this.#failure);
    const answer = deferred<Answer>();
    this.#open.push(answer);
    this.#worker.postMessage(question, question.ask === 'write' ? transferOf(question.rows) : []);
    return answer.promise;
  }

  /** Copies the data file while other questions are answered; rejects when the copy fails, which is not the store's end. */
  async copy(path: string): Promise<void> {
    const copied = deferred();
    this.#copies.set(path, copied);
    await this.ask({ ask: 'copy', path });
    await copied.promise;
  }

  /** Lets the worker finish and close the file. */
  async end(): Promise<void> {
    this.#ending = true;
    await Promise.allSettled([...this.#copies.values()].map(({ promise }) => promise));
    if (!this.#failure) await this.ask({ ask: 'close' });
    await this.#exited.promise;
  }

  fail(message: string, cause?: unknown): void {
    if (this.#failure) return;
    const failure = new StoreFailed(message, cause === undefined ? {} : { cause });
    this.#failure = failure;
    for (const answer of this.#open.splice(this.#first)) answer.reject(failure);
    this.#first = 0;
    for (const copied of this.#copies.values()) copied.reject(failure);
    this.#failed.resolve(failure);
    void this.#worker.terminate();
  }

  #onAnswer(answer: Answer): void {
    if (this.#failure) return;
    if (answer.failed !== undefined) {
      this.fail(answer.failed);
      return;
    }
    const waiting = this.#open[this.#first++];
    if (this.#first > 32 && this.#first * 2 > this.#open.length) {
      this.#open.splice(0, this.#first);
      this.#first = 0;
    }
    waiting?.resolve(answer);
  }

  #onCopied({ copied, problem }: Copied): void {
    const waiting = this.#copies.get(copied);
    this.#copies.delete(copied);
    if (problem === undefined) waiting?.resolve();
    else waiting?.reject(new Error(`${copied}: ${problem}`));
  }
}
