import type { Certificate } from "./http-connection.ts";

/**
 * A certificate for `localhost` and 127.0.0.1 that it signed itself, valid from 2020 to 2099. Its key guards nothing but
 * tests.
 */
export const testCertificate: Certificate = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBczCCARigAwIBAgICEAAwCgYIKoZIzj0EAwIwGTEXMBUGA1UEAwwObnltdmlz
b3IgdGVzdHMwIBcNMjAwMTAxMDAwMDAwWhgPMjA5OTEyMzEwMDAwMDBaMBkxFzAV
BgNVBAMMDm55bXZpc29yIHRlc3RzMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
hH0qI/JI3eXCZ1hD/NWx1mwT5jOVwz1hUwL+RaVmgcXc6lezIHVKvW2e+HBBM27O
stXnekxmuN3dglFT3WE4R6NOMEwwGgYDVR0RBBMwEYcEfwAAAYIJbG9jYWxob3N0
MA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFN8TjbHmbznx+wt9JC2/YV5Cg3g0
MAoGCCqGSM49BAMCA0kAMEYCIQCMV9lgk/B0AiUMs2cH9s1wCvafJ7+PeD8UauCV
Kv0ftwIhALu5LodYOvRjPpxvJbaOvVYsnA71Yhz4SAn/l6iicQMp
-----END CERTIFICATE-----`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgC6nbBDAshgNFQUlT
4PotjFG9oMVnDHensS/LmKIxFzOhRANCAASEfSoj8kjd5cJnWEP81bHWbBPmM5XD
PWFTAv5FpWaBxdzqV7MgdUq9bZ74cEEzbs6y1ed6TGa43d2CUVPdYThH
-----END PRIVATE KEY-----`,
};
