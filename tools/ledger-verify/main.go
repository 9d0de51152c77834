// Ledger-verify checks what Bedrail hands to auditors, without any code of Bedrail: bundles, proof files and packs.
//
//	ledger-verify bundle FOLDER KEY    a whole ledger as C2SP tiles: signature, entries, root, every tile, every file
//	ledger-verify proof FILE KEY       one entry in a C2SP tlog-proof file
//	ledger-verify pack FOLDER KEY      the entries about one matter, each with its proof, and every file
//
// KEY is the ledger's verifier key as it was given to you on another way: 64 hex digits, the line of a key.vkey, or a
// file that holds it. Exit code 0: everything holds; 1: something does not, and is named; 2: wrong usage.
//
// It uses the standard library only, and reads nothing but the named files. It checks the Ed25519 signature; the second,
// post-quantum one (ML-DSA-44) is not in Go's standard library and is left to `bedrail ledger verify`.
package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: ledger-verify bundle|proof|pack PATH KEY")
		os.Exit(2)
	}
	key, err := pinnedKey(os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, "ledger-verify:", err)
		os.Exit(2)
	}
	commands := map[string]func(string, verifierKey) (string, error){
		"bundle": verifyBundle, "proof": verifyProof, "pack": verifyPack,
	}
	command, known := commands[os.Args[1]]
	if !known {
		fmt.Fprintln(os.Stderr, "usage: ledger-verify bundle|proof|pack PATH KEY")
		os.Exit(2)
	}
	told, err := command(os.Args[2], key)
	if err != nil {
		fmt.Println("NOT VERIFIED:", err)
		os.Exit(1)
	}
	fmt.Println("Verified:", told)
}

// pinnedKey reads the key from hex digits, a verifier key line, or a file; a bare key has no name yet.
func pinnedKey(given string) (verifierKey, error) {
	if !strings.Contains(given, "+") && len(given) != 64 {
		data, err := os.ReadFile(given)
		if err != nil {
			return verifierKey{}, fmt.Errorf("the key is neither 64 hex digits, a verifier key line, nor a file: %w", err)
		}
		given = strings.SplitN(string(data), "\n", 2)[0]
	}
	if raw, err := hex.DecodeString(given); err == nil && len(raw) == 32 {
		return verifierKey{public: raw}, nil
	}
	return parseKey(given)
}
