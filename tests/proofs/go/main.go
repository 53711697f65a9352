// Command main verifies what agent-events makes with the code of Go's checksum database:
// golang.org/x/mod/sumdb/note and golang.org/x/mod/sumdb/tlog. It shares nothing with the ledger.
//
// Standard input is a JSON array of cases, each a checkpoint and whatever is to hold for it; fields
// that are left out are not checked. Byte strings are base64, as encoding/json reads []byte. Standard
// output is one line "ok NAME: what was checked" or "FAIL NAME: reason" for each; 1 is the exit code
// if one failed.
//
// Build it without a network: GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS= go build main.go
package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

type testCase struct {
	Name string
	Note string // signed checkpoint
	Vkey string
	Skey string // the private key in this form signs the same note, byte for byte
	// All leaf hashes: they have the root.
	LeafHashes [][]byte `json:"leaf_hashes"`
	// Tiles of height 8 as C2SP tlog-tiles lays them out; a wider one than the tree needs will do.
	Tiles       []tile
	Inclusion   []inclusion
	Consistency []consistency
}

// A tile is up to 256 concatenated hashes.
type tile struct {
	Level  int
	Index  int64
	Hashes []byte
}

type inclusion struct {
	Index    int64
	LeafHash []byte `json:"leaf_hash"`
	Proof    [][]byte
}

// consistency says that the checkpoint's tree grew from an older one.
type consistency struct {
	OldSize int64  `json:"old_size"`
	OldRoot []byte `json:"old_root"`
	Proof   [][]byte
}

func main() {
	var cases []testCase
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&cases); err != nil {
		fmt.Fprintln(os.Stderr, "standard input:", err)
		os.Exit(2)
	}
	failed := false
	for _, c := range cases {
		if checked, err := check(c); err != nil {
			failed = true
			fmt.Printf("FAIL %s: %v\n", c.Name, err)
		} else {
			fmt.Printf("ok %s: %s\n", c.Name, strings.Join(checked, ", "))
		}
	}
	if failed {
		os.Exit(1)
	}
}

func check(c testCase) (checked []string, err error) {
	tree, err := open(c)
	if err != nil {
		return nil, fmt.Errorf("note: %w", err)
	}
	checked = append(checked, "note")
	if c.Skey != "" {
		if err := signsTheSame(c); err != nil {
			return nil, fmt.Errorf("private key: %w", err)
		}
		checked = append(checked, "private key")
	}
	if c.LeafHashes != nil {
		if err := checkLeaves(tree, c.LeafHashes); err != nil {
			return nil, fmt.Errorf("leaf hashes: %w", err)
		}
		checked = append(checked, fmt.Sprintf("%d leaf hashes", len(c.LeafHashes)))
	}
	var reader tlog.HashReader
	if c.Tiles != nil {
		// It verifies every tile against the root of the tree.
		reader = tlog.TileHashReader(tree, tiles(c.Tiles))
		root, err := tlog.TreeHash(tree.N, reader)
		if err == nil && root != tree.Hash {
			err = fmt.Errorf("root %v, not %v", root, tree.Hash)
		}
		if err != nil {
			return nil, fmt.Errorf("tiles: %w", err)
		}
		checked = append(checked, fmt.Sprintf("%d tiles", len(c.Tiles)))
	}
	for _, i := range c.Inclusion {
		if err := checkInclusion(tree, i, reader); err != nil {
			return nil, fmt.Errorf("inclusion of leaf %d: %w", i.Index, err)
		}
	}
	for _, o := range c.Consistency {
		if err := checkConsistency(tree, o, reader); err != nil {
			return nil, fmt.Errorf("consistency with %d leaves: %w", o.OldSize, err)
		}
	}
	return append(checked,
		fmt.Sprintf("%d inclusion proofs", len(c.Inclusion)),
		fmt.Sprintf("%d consistency proofs", len(c.Consistency))), nil
}

// open verifies the note and reads the checkpoint in it: origin, tree size, root.
func open(c testCase) (tree tlog.Tree, err error) {
	verifier, err := note.NewVerifier(c.Vkey)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open([]byte(c.Note), note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return tree, errors.New("a checkpoint has three lines")
	}
	if lines[0] != verifier.Name() {
		return tree, fmt.Errorf("origin %q, but the key is of %q", lines[0], verifier.Name())
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil {
		return tree, err
	}
	tree.Hash, err = hash(root)
	return tree, err
}

func signsTheSame(c testCase) error {
	signer, err := note.NewSigner(c.Skey)
	if err != nil {
		return err
	}
	text := c.Note[:strings.LastIndex(c.Note, "\n\n")+1]
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return err
	}
	if string(signed) != c.Note {
		return fmt.Errorf("signs another note: %q", signed)
	}
	return nil
}

// checkLeaves builds the tree from its leaves.
func checkLeaves(tree tlog.Tree, leaves [][]byte) error {
	if int64(len(leaves)) != tree.N {
		return fmt.Errorf("%d, but the tree has %d", len(leaves), tree.N)
	}
	if tree.N == 0 {
		return nil // for tlog, unlike RFC 6962, the root of the empty tree is zero
	}
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = stored[index]
		}
		return found, nil
	})
	for i, leaf := range leaves {
		leafHash, err := hash(leaf)
		if err != nil {
			return err
		}
		added, err := tlog.StoredHashesForRecordHash(int64(i), leafHash, reader)
		if err != nil {
			return err
		}
		stored = append(stored, added...)
	}
	root, err := tlog.TreeHash(tree.N, reader)
	if err == nil && root != tree.Hash {
		err = fmt.Errorf("root %v, not %v", root, tree.Hash)
	}
	return err
}

// checkInclusion verifies a proof; from tiles Go makes one of its own, which must be the same.
func checkInclusion(tree tlog.Tree, i inclusion, reader tlog.HashReader) error {
	leaf, err := hash(i.LeafHash)
	if err != nil {
		return err
	}
	proof, err := hashes(i.Proof)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, i.Index, leaf); err != nil {
		return err
	}
	if reader == nil {
		return nil
	}
	made, err := tlog.ProveRecord(tree.N, i.Index, reader)
	if err != nil {
		return err
	}
	return same(made, proof)
}

func checkConsistency(tree tlog.Tree, o consistency, reader tlog.HashReader) error {
	oldRoot, err := hash(o.OldRoot)
	if err != nil {
		return err
	}
	proof, err := hashes(o.Proof)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, o.OldSize, oldRoot); err != nil {
		return err
	}
	if reader == nil {
		return nil
	}
	made, err := tlog.ProveTree(tree.N, o.OldSize, reader)
	if err != nil {
		return err
	}
	return same(made, proof)
}

// tiles serves tiles of height 8, cut to the width that is asked for.
type tiles []tile

func (t tiles) Height() int { return tileHeight }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(wanted))
	for i, w := range wanted {
		for _, have := range t {
			if have.Level == w.L && have.Index == w.N && len(have.Hashes) >= w.W*tlog.HashSize {
				found[i] = have.Hashes[:w.W*tlog.HashSize]
			}
		}
		if found[i] == nil {
			return nil, fmt.Errorf("no tile with %d hashes at level %d, index %d", w.W, w.L, w.N)
		}
	}
	return found, nil
}

func same(made, given []tlog.Hash) error {
	if fmt.Sprint(made) != fmt.Sprint(given) {
		return fmt.Errorf("verifies, but Go makes another proof: %v", made)
	}
	return nil
}

func hash(b []byte) (h tlog.Hash, err error) {
	if len(b) != tlog.HashSize {
		return h, fmt.Errorf("a hash of %d bytes", len(b))
	}
	copy(h[:], b)
	return h, nil
}

func hashes(list [][]byte) ([]tlog.Hash, error) {
	made := make([]tlog.Hash, len(list))
	for i, b := range list {
		h, err := hash(b)
		if err != nil {
			return nil, err
		}
		made[i] = h
	}
	return made, nil
}
