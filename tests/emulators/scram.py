"""The verifier that PostgreSQL keeps for a password, so that the password itself never travels in SQL."""

import base64
import hashlib
import hmac
import os


def verifier(password, iterations=4096):
    """What `ALTER ROLE … PASSWORD` takes in place of a password (RFC 5803's form).

    RDS takes printable ASCII only, for which normalising (SASLprep) changes nothing.
    """
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    text = lambda part: base64.b64encode(part).decode()
    return f"SCRAM-SHA-256${iterations}:{text(salt)}${text(stored_key)}:{text(server_key)}"
