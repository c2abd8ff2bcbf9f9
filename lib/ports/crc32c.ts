/** The Castagnoli polynomial, bits reversed (RFC 9260, appendix A). */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) {
    value = (value & 1) === 0 ? value >>> 1 : POLYNOMIAL ^ value >>> 1;
  }
  return value;
});

/** The CRC-32C of bytes, as an unsigned number (RFC 9260, appendix A). */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ crc >>> 8;
  return (crc ^ 0xffffffff) >>> 0;
}
