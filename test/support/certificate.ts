import type { Certificate } from "./http-connection.ts";

/** A certificate for `localhost` and 127.0.0.1 that it signed itself. Its key guards nothing but tests. */
export const testCertificate: Certificate = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBojCCAUmgAwIBAgIUXuY27PNhBqwLyLhcu2YJqCh6WlUwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNbnltdmlzb3IgdGVzdDAgFw0yNjExMjExMjQzMjhaGA8yMTI2
MTAyODEyNDMyOFowGDEWMBQGA1UEAwwNbnltdmlzb3IgdGVzdDBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABDXk2uLrJ0+C56EC+ibCkNE12TKsRFz87VsFvI3lIYn+
rJxNS33MYtS52E+aGBAGT2tP/EwMTkGrvs3dTDfHhoWjbzBtMB0GA1UdDgQWBBRu
32Et3n6FJZJbinYYPajJv8qBezAfBgNVHSMEGDAWgBRu32Et3n6FJZJbinYYPajJ
v8qBezAPBgNVHRMBAf8EBTADAQH/MBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAA
ATAKBggqhkjOPQQDAgNHADBEAiAHwKgoSiB9TLsNdv6Rfe7eUu4P+RXGFw9eMMP3
toC1fgIgGBKqByrp0X9R5di1HwehdxmB9gbRQ81zShCykZR9Xtk=
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgR7fNp/ERMKcp9FZ7
n/rfv0wJw0zMhTos7mbPAkPyrpuhRANCAAQ15Nri6ydPguehAvomwpDRNdkyrERc
/O1bBbyN5SGJ/qycTUt9zGLUudhPmhgQBk9rT/xMDE5Bq77N3Uw3x4aF
-----END PRIVATE KEY-----
`,
};
