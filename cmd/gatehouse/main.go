// Command gatehouse is Amazon Cognito that you run yourself.
package main

func main() {}
