package idtoken

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// maxKeys bounds a key document, in bytes. Google's has about 1,500.
const maxKeys = 1 << 20

// minModulus is the least size of an RSA key, in bits.
const minModulus = 2048

// parseKeys reads a JSON Web Key Set, as https://www.googleapis.com/oauth2/v3/certs is, or an object of PEM certificates by key
// ID, as https://www.googleapis.com/oauth2/v1/certs is. Keys that cannot have signed a token with RS256 are left out.
func parseKeys(document []byte) (map[string]crypto.PublicKey, error) {
	if len(document) > maxKeys {
		return nil, fmt.Errorf("the keys have more than %d bytes", maxKeys)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, fmt.Errorf("the keys are not a JSON object: %w", err)
	}
	keys := fromCertificates
	if _, ok := members["keys"]; ok {
		keys = fromSet
	}
	found, err := keys(document)
	if err == nil && len(found) == 0 {
		err = errors.New("there is no RSA key with an ID in them")
	}
	return found, err
}

func fromSet(document []byte) (map[string]crypto.PublicKey, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, fmt.Errorf("decoding the key set: %w", err)
	}
	keys := map[string]crypto.PublicKey{}
	for _, k := range set.Keys {
		signs := (k.Use == "" || k.Use == "sig") && (k.Algorithm == "" || k.Algorithm == string(jose.RS256))
		if public, ok := k.Key.(*rsa.PublicKey); ok && signs {
			add(keys, k.KeyID, public)
		}
	}
	return keys, nil
}

func fromCertificates(document []byte) (map[string]crypto.PublicKey, error) {
	var certificates map[string]string
	if err := json.Unmarshal(document, &certificates); err != nil {
		return nil, fmt.Errorf("decoding the certificates: %w", err)
	}
	keys := map[string]crypto.PublicKey{}
	for id, text := range certificates {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			return nil, fmt.Errorf("the certificate %q is not PEM", id)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parsing the certificate %q: %w", id, err)
		}
		if public, ok := certificate.PublicKey.(*rsa.PublicKey); ok {
			add(keys, id, public)
		}
	}
	return keys, nil
}

func add(keys map[string]crypto.PublicKey, id string, public *rsa.PublicKey) {
	if id != "" && public.N.BitLen() >= minModulus {
		keys[id] = public
	}
}
