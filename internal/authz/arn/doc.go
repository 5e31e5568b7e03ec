// Package arn parses Amazon Resource Names and matches them against the
// patterns of the IAM policy language.
//
// What a newcomer gets wrong: a pattern is not a string. A policy variable's
// value is put in while matching, and a "*" inside that value is a character
// like any other. So a pattern is compiled to tokens first, and values enter
// through slots; joining strings and matching the result would hand the
// wildcard to whoever chooses the value.
package arn
