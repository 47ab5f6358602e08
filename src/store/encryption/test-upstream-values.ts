/**
 * Values as kube-apiserver 1.37.2 has written them (`--storage-media-type=application/json`), in base64, each under
 * `/registry/secrets/default/<provider>`: keys of 32 times "a" (sb1), "b" (gcm1) and "c" (cbc1), and the plugin of `test-kms.ts` with its key "one".
 */
export const upstreamValues = {
  secretbox: [
    'azhzOmVuYzpzZWNyZXRib3g6djE6c2IxOgjeKIAIQLA/3iZr+946arAYqgHo5G7E2lbyT1+X+pdTgaHIzSvGS12tI+oov0Z9ckcu',
    'HWakVDPubKfzrGD301vrYCtaDvDro9gyklVBMjseZ9pkfbWmMbrlmsiY1S86ePQyQFn/NygefHfyiONs5L57YSV+5iSYhFrY8QYX',
    'NHHyRzsQvWKDuQENug6475EOfTqqaV+c8Pq7/AfPVl2mfezFwWTT2M3Em4lh43vhOjBE05Hc5K6lYfqbnV05iTAjXdMDlQjS7sJK',
    'QaEvaZuGYjnxoWR6FYNYwmvuiCCfkjz9kcULEvbTLVM3fLcGn5zPmeLv/n+EAJ+PHgPgIdhDmv/89phqMHttHOdT7yJt03USfjTY',
    'Hbz1mQQw3++vVfiW6rrWGY1hS5dHAjPJp0+mS3/PUY7BXUTRJfDSSstc03z5zV/ES+ZMtquAa9rXBFTxjVo4B8FyUZYQ+jeRNXhV',
    'Xk3itnLNaMwKBdSPSeZDHQEjDTj/MLwOSB7sxHXWje6A/rH57zf0f4hi2wi3OtwoHg79Q9VOP7NFMKTR3rnN1zjhMaeIWkUlhWqf',
    'djhMqeJ+F7L1QJXi+AiA4wYSeQ==',
  ].join(''),
  aesgcm: [
    'azhzOmVuYzphZXNnY206djE6Z2NtMTr6laVB6hPE/uSkWuIjrnlNZ+UE3Uu19w11FrjrA0b2uuhzZkvIXrGQeT0SLdwxdZAGIe35',
    'lTEFXMD7O/MDYKFiIeAelLv5MgLqLmVJSIZpj9uYqH+lAWNrS52kRQbGBuk8VjHfNqpm6MFGD99h17qh/4T5qTT9v8m4+34hFC9W',
    'f1IRqbhHnnAKSZ8QnxovLBmwX7qBJXsy0lcGDyYhVG8CE2ZzopvZK0FxRaShiGk3Md/TNIOnVjs0a/XPvzZ78v3NsKlJSpL9Xcd3',
    '6yMhFcQYlGzkLla3M9AnWNkXcCpeugMEvwuApoZHeMI0MOxny6nWb4IB4RyxLrUq+B3oCOBSY8r4mHyBL6tVcIU4Pc2ZDq6AIME+',
    'S4tuOtRttJ3tK75UT55n/Mvqq/iGhcZ8sJ1Ut636v4e8cpIf/jLYerJn1Kc3WiCMSeCALWm2bIZ9HFwjXb0oADUPzlhGmFmNKRvB',
    'C4jAYr4T9/WL8HP4mb3kMdaiYgoGTU7mW1q4uVDGMDpVLYe/eBt1vLbeWi71tJy7ICrH2k+wo8O0rKHOdszP/6hikwJCVaN+OC3b',
    '/CM=',
  ].join(''),
  aescbc: [
    'azhzOmVuYzphZXNjYmM6djE6Y2JjMTo5Ahr0h1FPhWQqcF46nZ/is3vxwtBr+gxPdf1ekevyWyVTBNpMNhPdQfqr/k/ioszT8hN0',
    'Zr5DIKEkM9Unb8dkUL3vs3P2ezCzlYdUL8v4XMel3Mps6TQjHq5LqGp5i+EM4+Zfklz8Ph9xNgFlwM2RAWUv5NsXjDpdXyUxh5Hz',
    'Xl1cA++F+D03CFwpWQdOglh0dDjwMs3Dn5w2Ob1IJn/mR58IJwXyttuq+W1VbQGmKcsnU6UeVzMLsZK6j1pMDL+aAifWVwc2ZaKp',
    'd3oCIwt3kr3csizehEssKR6TeqhrmNWfVj9pOgDmaDraTjceM1O7w5WyhYTILdncyg+nMHHT6CmUB3g06220wT1pXBadQpjlXgwp',
    'iOSOFRGAkNW0yXVxg648x7e986IUBov5QM4hD6wjc302jTWT/YM/PfvR5fJrOq8D28U1m2rAQyVJ6HsoO5Ea7DQxfI5gZB4VNytq',
    'yPM0FZ4wOAmssAyviAyCkurDKl2Dh2gClF8yXcAh1bMKd68O+as0wTcndxU17HMhcIoiGF23ja3+PPKeWGLDnvumM5VsrYgd1tQS',
    'Tr1BlyM=',
  ].join(''),
  kms: [
    'azhzOmVuYzprbXM6djI6bXlrbXM6CsoDSSo+ZeI6vgZh3elsqHDLspdI7ZBz64Uow/mKXbNChRZ2a39vz3mdfPIfZ1pOtV7tGyu4',
    'cn164sDE2mFzt+WOJoJkR8bsinZgj6ZsZybxFVnv2lLArdX8nxX2zXNqIRnmCEI+SVQnTJsezEUENJhqePbhJ1M5KwC/gaiOh+2l',
    'GV/bL9BsLwqXUed9HEtAF6JCy2eAgBKNqpJp9/7H2w9siK3qIXHCDXNIbCB8wSdaHJyGhmVjD5eWCAFexkebJaoOCneyzB1VM8CW',
    'E4p6TNpL0MW69JT02tmI4Z3O4AA/B0Eh6b+OoERhdlvsPU5bNdKslGcvcudyHh+TZzojx1CETUpMREqGhviwwi2Rp+tztgvcYNNd',
    'GAp+RPanOdXXXOkacvfjx0dkPQOdjbmp8M6OB0s8BJlt4LUu6tTAzFS0k4kiovSygaVhrmx5q3Y1FEgK8v9WpQHLqLkKwB45+4vc',
    'pDzzcVLDdf7Iu2WVJ0+AQXx5psnyAXRDzZsWIfBCozaQByW57XkCT3hzXuNQDXgYERZpw7YxJdk96rlDWkQinH6WJhp9MuBW91qn',
    'd1xFe84v+I1Lxn5Nt25Z07URsXQx6PUHDnZxe4bWrMYSA29uZRo8ABOPp5FL6tSlvfok1jeEJTBUhBnKx23RDHUMflcoERTLc7sA',
    'G8BHelds1UoPmInOtbsRQz7HS+/l3J8JIhgKE3ZlcnNpb24uZXhhbXBsZS5jb20SATEoAQ==',
  ].join(''),
} as const;
