package policy

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// node is a JSON value with the order of its members kept. encoding/json's own
// decoding would take the last of two equal members and match names without
// regard to case; a policy in which two readers see two meanings must not be
// saved at all.
type node struct {
	kind    nodeKind
	text    string   // stringNode, numberNode (as written), boolNode ("true", "false")
	items   []node   // arrayNode
	members []member // objectNode
}

type member struct {
	name  string
	value node
}

type nodeKind uint8

const (
	nullNode nodeKind = iota
	stringNode
	numberNode
	boolNode
	arrayNode
	objectNode
)

// maxDepth bounds nesting. The deepest legal value is six levels down: document,
// Statement, statement, Condition, operator, values.
const maxDepth = 8

var errJSON = errors.New("not a JSON value with unique names")

func readJSON(text string) (node, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	n, err := readValue(dec, 0)
	if err != nil {
		return node{}, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return node{}, errJSON
	}
	return n, nil
}

func readValue(dec *json.Decoder, depth int) (node, error) {
	if depth > maxDepth {
		return node{}, errJSON
	}
	tok, err := dec.Token()
	if err != nil {
		return node{}, err
	}
	switch v := tok.(type) {
	case string:
		return node{kind: stringNode, text: v}, nil
	case json.Number:
		return node{kind: numberNode, text: v.String()}, nil
	case bool:
		if v {
			return node{kind: boolNode, text: "true"}, nil
		}
		return node{kind: boolNode, text: "false"}, nil
	case nil:
		return node{}, nil
	case json.Delim:
		if v == '[' {
			return readArray(dec, depth)
		}
		return readObject(dec, depth)
	}
	return node{}, errJSON
}

func readArray(dec *json.Decoder, depth int) (node, error) {
	n := node{kind: arrayNode}
	for dec.More() {
		item, err := readValue(dec, depth+1)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, item)
	}
	_, err := dec.Token()
	return n, err
}

func readObject(dec *json.Decoder, depth int) (node, error) {
	n := node{kind: objectNode}
	seen := make(map[string]bool)
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return node{}, err
		}
		name, ok := tok.(string)
		if !ok || seen[name] {
			return node{}, errJSON
		}
		seen[name] = true
		value, err := readValue(dec, depth+1)
		if err != nil {
			return node{}, err
		}
		n.members = append(n.members, member{name, value})
	}
	_, err := dec.Token()
	return n, err
}

// list is the values of n: its items, or n alone, since one value may stand
// without brackets.
func (n *node) list() []node {
	if n.kind == arrayNode {
		return n.items
	}
	return []node{*n}
}

// strings is list for an element that holds nothing but strings.
func (n *node) strings() ([]string, bool) {
	var texts []string
	for _, item := range n.list() {
		if item.kind != stringNode {
			return nil, false
		}
		texts = append(texts, item.text)
	}
	return texts, true
}
