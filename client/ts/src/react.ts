import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import type { ActionTypes, Actions, ConnectionState, Streamer, SubmitArguments, SubmitOptions } from "./client.js";
import type { StreamerRequest, Update } from "./request.js";

/** What a component shows of a request. Each state is a new object, and none is ever changed. */
export interface RequestState<Result> extends Omit<Update, "status"> {
  /** IDLE while there is no request. */
  readonly status: "IDLE" | Update["status"];
  /** Known once the request is accepted. Keep it, in the URL for instance, to go on after a reload. */
  readonly requestId: string | undefined;
  /** The result, a moment after COMPLETED if it has to be fetched. */
  readonly result: Result | undefined;
  /** A StreamerError, if there will be no result. */
  readonly error: unknown;
}

export interface RequestControls<Payload, Result> {
  /** Submits, and shows that request from now on. */
  submit(payload: Payload, options?: SubmitOptions): StreamerRequest<Result>;
  /** Asks the stage to cancel the request; nothing if there is none. */
  cancel(): Promise<void>;
  /** Shows none any more. The request goes on. */
  reset(): void;
}

export interface UseRequestOptions {
  /** A request that was submitted before: it is taken up, and left when this changes. Both times it goes on. */
  requestId?: string | undefined;
  /** Cancel the request when the component goes. By default it goes on. */
  cancelOnUnmount?: boolean;
}

/** Submits requests of one action, or takes one up, and has the component show how it stands. */
export function useRequest<A extends Record<keyof A, ActionTypes> = Actions, N extends keyof A & string = keyof A & string>(
  streamer: Streamer<A>,
  action: N,
  { requestId, cancelOnUnmount = false }: UseRequestOptions = {},
): RequestState<A[N]["result"]> & RequestControls<A[N]["payload"], A[N]["result"]> {
  const [view] = useState(() => new View<A[N]["result"]>());
  const state = useSyncExternalStore(view.listen, () => view.state, () => idle);
  const cancels = useRef(cancelOnUnmount);
  useEffect(() => {
    cancels.current = cancelOnUnmount;
  }, [cancelOnUnmount]);
  useEffect(() => () => view.leave(cancels.current), [view]); // before the next one leaves it to go on
  useEffect(() => {
    if (requestId) view.show(streamer.attach<N>(requestId));
    return () => view.leave();
  }, [streamer, view, requestId]);
  const controls = useMemo(
    () => ({
      submit: (payload: A[N]["payload"], options?: SubmitOptions) => view.show(streamer.submit(action, ...([payload, options] as SubmitArguments<typeof payload>))),
      cancel: async () => view.request?.cancel(),
      reset: () => view.leave(),
    }),
    [streamer, action, view],
  );
  return { ...state, ...controls };
}

/** How the connection is, for a line that says so. */
export function useConnectionState(streamer: Streamer<any>): ConnectionState {
  const listen = useCallback((changed: () => void) => streamer.onState(changed), [streamer]);
  return useSyncExternalStore(listen, () => streamer.state, () => "connecting");
}

const idle: RequestState<never> = {
  status: "IDLE", percentage: 0, message: "", attempt: 0, requestId: undefined, result: undefined, error: undefined,
};

/** What one component shows. */
class View<Result> {
  state: RequestState<Result> = idle;
  request: StreamerRequest<Result> | undefined;
  #listeners = new Set<() => void>();

  listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  show(request: StreamerRequest<Result>): StreamerRequest<Result> {
    this.request?.detach();
    this.request = request;
    const set = (change: Partial<RequestState<Result>>) => {
      if (this.request !== request) return;
      this.#set({ ...this.state, ...change });
    };
    const update = () => set({ ...idle, ...request.update, requestId: request.requestId });
    request.onUpdate(update);
    update();
    request.result().then((result) => set({ result }), (error) => set({ error }));
    return request;
  }

  leave(cancel = false): void {
    const { request } = this;
    if (!request) return;
    this.request = undefined;
    this.#set(idle);
    if (!cancel) return request.detach();
    queueMicrotask(async () => {
      const { requestId } = request;
      const back = requestId !== undefined && this.request?.requestId === requestId; // strict mode has a component go and come back
      if (!back) await request.cancel().catch(() => {}); // it has ended, or nobody will know
      request.detach();
    });
  }

  #set(state: RequestState<Result>): void {
    this.state = state;
    for (const listener of this.#listeners) listener();
  }
}
