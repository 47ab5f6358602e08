/** For tests: requests and certificates in DER, as base64. Their keys are gone. Nothing but tests may import it. */

/** Of Ed25519, subject O=dev, CN=jane. */
export const ed25519Request =
  'MIGcMFACAQAwHTEMMAoGA1UECgwDZGV2MQ0wCwYDVQQDDARqYW5lMCowBQYDK2VwAyEAUVq3/gZbjtA7C1APk13hTiUTGjgXU7zA' +
  'mOPzbYUwfO2gADAFBgMrZXADQQDLrH3J5GPXnoJM55+MvtQU8W673wS3Z3lRTir6DA02tcRD1tLjZrZELbbLaFXaQuRoq+OQBLoh' +
  'g2Lm73xy0VYO';

/** Of P-256, subject O=system:masters. */
export const mastersRequest =
  'MIHhMIGHAgEAMCUxFzAVBgNVBAoMDnN5c3RlbTptYXN0ZXJzMQowCAYDVQQDDAFtMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE' +
  'AYIQK+9yewYc6yp1zwm+UzZ7enDahuHUGn/xfR6TsaQkU7oKcIgQqTV6z2Z5hZqBRmtS4Hdpm5AYfTElndwcoaAAMAoGCCqGSM49' +
  'BAMCA0kAMEYCIQDJ1I0o9Efw7l3OsFA4O4uqhZN8pQO8AdjjFI6BmNEFFgIhAP3NTuv9A4AFfC3k8/V2FKKkYvKimqzcQxJjKXLv' +
  'LCII';

/** Of RSA with 2048 bits. */
export const rsaRequest =
  'MIICUTCCATkCAQAwDDEKMAgGA1UEAwwBcTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBANUvYXf4Yw9g2HLgJmCIvVJy' +
  '/RzWRjvm9zFCb2KpJnTvi2OITb8GoLihZsy5Lytx0Re4cHRpVWNpfAkoEKuCJixVIF21XVsRyyMdGW/uSOPBx396zcQzurKJE/1j' +
  '5UVK6YK+vcQMTEcgPSqaScVDl69tEkyqGPU6m+4FK0UkxWlOKsg1rEoRcenhTGJZ2VLk5eR/UBrJdsacGqRtJAVFddTeffgcyxj5' +
  '31fg6SRhACmAMhsOQcmAecsR5YX7I70zJM4MKLxJaG6UKHReTxV5YUZIUvZiGqr9NOPtCQUhz986BzM/mFR+aTD99zLH0cxzXl5L' +
  '6j6IY8/ldkFYrCRQgxECAwEAAaAAMA0GCSqGSIb3DQEBCwUAA4IBAQBaYyoCyUk6t1YcBKHgC+hUyqwHz8TSsroIPEL91aw2Uoo8' +
  'sYvf9Z90ob5qSrbJNLikIHGB/RXApUY4qdJGrefT6CGht21WMh7wDPEY5Ti0ugwbJD7G86Ju12JJB0hVC51XELKZX60W6Bndm2Q0' +
  'EbqqGoPj24quqTKL8iOfWkbTYym3y6K1lhJkyZj6G7Os/gfjohYLQwmfvaVyNoV3FVRfRxMhhHwdKq3y7bRxqx+geCV90LcVzh/c' +
  '4XOYITygf2zlHprKXk364nPwlzpHYwYkgu/AmjDOUmAWj9lGnZ3A2z+S0EUA9yfTCbohpmNwkRfpuxVriD4LvunuiCuewR/R';

/** A root. */
export const authority =
  'MIIBMjCB5aADAgECAhQF9Wg0+csa3HSqRTnOgOvWbQ+d5jAFBgMrZXAwDzENMAsGA1UEAwwEcm9vdDAeFw0yNjExMjEwODM2MTJa' +
  'Fw0zNjExMTgwODM2MTJaMA8xDTALBgNVBAMMBHJvb3QwKjAFBgMrZXADIQB465JxM3r7eprYL05CqP2nakh4l55lw7IhLTKs2in0' +
  'VqNTMFEwHQYDVR0OBBYEFAJa9IijRfzUDHXguBQQ57pcQ1tLMB8GA1UdIwQYMBaAFAJa9IijRfzUDHXguBQQ57pcQ1tLMA8GA1Ud' +
  'EwEB/wQFMAMBAf8wBQYDK2VwA0EAehpxA3+TxZhWg8tKi3XJmi3PJC2ox6iIRt3w3nj/U32cpVR4v4t9HSfLFcPFE05UbLLQsDcR' +
  'sdsPwM6RHbpECw==';

/** No root. */
export const leaf =
  'MIIBLzCB4qADAgECAhQhi7qaLqq/33AUDhXEM+7qFYNiVjAFBgMrZXAwDzENMAsGA1UEAwwEbGVhZjAeFw0yNjExMjEwODM2MTJa' +
  'Fw0zNjExMTgwODM2MTJaMA8xDTALBgNVBAMMBGxlYWYwKjAFBgMrZXADIQDq5GaUBzf05w5v17/XN3jQ308tNHeOHxiX9dQ+2FmA' +
  'm6NQME4wHQYDVR0OBBYEFJwiJI0UEH8RAGMsU6C3saRDiJwOMB8GA1UdIwQYMBaAFJwiJI0UEH8RAGMsU6C3saRDiJwOMAwGA1Ud' +
  'EwEB/wQCMAAwBQYDK2VwA0EA/FPvoVrofjIRf/tSobZagKAcRdz/JYRUbldyiwep3gbUyEc86yTijNagHxW4rVsvFdKqqScvMwNm' +
  'PhCQxr/QAg==';

/** A PEM block around base64. */
export const pem = (type: string, base64: string): string =>
  `-----BEGIN ${type}-----\n${base64.match(/.{1,64}/g)?.join('\n') ?? ''}\n-----END ${type}-----\n`;
