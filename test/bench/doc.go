// Command bench measures gatehouse against the goals G1 to G12 and prints one
// table: goal, measured, met or not.
//
//	go run ./test/bench            # some four minutes
//	go run ./test/bench -quick     # under one
//	go run ./test/bench -json      # the table as JSON
//
// It builds the server, starts it on a fresh folder, and starts beside it a
// floor: this same program doing the cryptography (by the server's own engine),
// the JSON and the HTTP of each operation, with nothing stored and no policy.
// What a goal states is the ratio of the two.
//
// What a newcomer gets wrong: a rate on a machine that does other things says
// little, and the client runs on the same cores. So server and floor take
// turns, a second each, and what is compared is the processor time that each of
// the two processes used for an operation; of the rounds the median counts.
// Rates and percentiles are printed because people ask for them.
package main
