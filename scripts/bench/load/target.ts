/** Where the load goes: a port of 127.0.0.1. */
export interface Target {
  readonly port: number;
  /** PEM of the authority whose certificate it is to show. */
  readonly ca: string;
  /** PEM of what it asks of its clients, where it does. */
  readonly client?: { readonly cert: string; readonly key: string } | undefined;
}
