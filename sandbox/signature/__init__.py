"""The hospital's CA (协同签名): people confirm on their phones what they sign, by SM2 with SM3."""
