package wire

// CreateToken makes a personal access token of the user who asks. The length of the name is not judged yet.
type CreateToken struct {
	Name         []byte
	ExpiryMicros uint64 // how long it is good for; 0 and NeverExpires: for ever
}

// DeleteToken removes a token of the user who asks.
type DeleteToken struct {
	Name []byte
}

// Token is a token as the list of them describes it: without its secret, which is shown once, when it is made.
type Token struct {
	Name            string
	ExpiresAtMicros uint64 // since 1970; 0: never
}
