import type { Certificate } from "../certificates/certificate.ts";
import type { CertificateConfig } from "../config/config.ts";

/** Reads one pair of a configuration. @throws {ProxyError} `bad_config` */
export type CertificateReader = (entry: CertificateConfig) => Promise<Certificate>;
