/** What ends a connection (RFC 9113, section 5.4.1): thrown inside, and told as a fact outside. */
export class Http2Error extends Error {
  override readonly name = "Http2Error";
  /** One of `ERROR`. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}
