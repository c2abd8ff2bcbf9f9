import { Http2Error } from "./http2_error.ts";
import {
  DEFAULT_FRAME_BYTES,
  DEFAULT_WINDOW,
  ERROR,
  MAX_FRAME_BYTES,
  MAX_WINDOW,
  SETTING,
} from "./wire.ts";

/** What the peer has said in SETTINGS (RFC 9113, section 6.5.2), with what holds before it has. */
export class PeerSettings {
  headerTableBytes = 4096;
  maxStreams = Infinity;
  initialWindow = DEFAULT_WINDOW;
  /** Whether a server knows extended CONNECT (RFC 8441). */
  connectProtocol = false;
  readonly #mostPush: number;

  /** @param ofClient whether the peer is a client: a server is pushed nothing, and may not say that it is */
  constructor(ofClient: boolean) {
    this.#mostPush = ofClient ? 1 : 0;
  }

  /**
   * Takes one setting; one that is unknown is ignored.
   *
   * @throws {Http2Error} where the value is not allowed
   */
  apply(id: number, value: number): void {
    switch (id) {
      case SETTING.headerTableSize:
        this.headerTableBytes = value;
        break;
      case SETTING.enablePush:
        check(value <= this.#mostPush, ERROR.protocolError, "ENABLE_PUSH");
        break;
      case SETTING.maxConcurrentStreams:
        this.maxStreams = value;
        break;
      case SETTING.initialWindowSize:
        check(value <= MAX_WINDOW, ERROR.flowControlError, "INITIAL_WINDOW_SIZE");
        this.initialWindow = value;
        break;
      case SETTING.maxFrameSize: {
        const isAllowed = value >= DEFAULT_FRAME_BYTES && value <= MAX_FRAME_BYTES;
        // larger frames would be allowed, and none is sent
        check(isAllowed, ERROR.protocolError, "MAX_FRAME_SIZE");
        break;
      }
      case SETTING.enableConnectProtocol:
        check(value <= 1, ERROR.protocolError, "ENABLE_CONNECT_PROTOCOL");
        this.connectProtocol = value === 1;
        break;
      case SETTING.noRfc7540Priorities:
        check(value <= 1, ERROR.protocolError, "NO_RFC7540_PRIORITIES");
        break;
    }
  }
}

function check(isAllowed: boolean, code: number, name: string): void {
  if (!isAllowed) throw new Http2Error(code, `The value of ${name} is not allowed`);
}
