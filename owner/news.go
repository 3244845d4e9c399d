package owner

// News is what has become of something that the room was asked to do with its logs. Its kind says which of the fields are set.
type News struct {
	Kind   NewsKind
	Of     any     // the asker's
	Moving *Moving // the log that has left
	Err    error
}

// NewsKind says what has happened.
type NewsKind uint8

// The news.
const (
	NewsRaised   NewsKind = iota + 1 // the logs of Raise are, or could not be: Err
	NewsDetached                     // the log of Detach has left, or stays: Err
	NewsAttached                     // the log of Attach is journaled, or the journal has failed: Err
)

func (o *Owner) tell(n News) { o.news.Push(n) }

// HasNews reports whether one of TakeNews, TakeClosed and the files' TakeNotRemoved has something.
func (o *Owner) HasNews() bool { return o.news.Len()+o.Files.kept.Len()+len(o.closings.told) > 0 }

// TakeNews returns the next news. Each comes once.
func (o *Owner) TakeNews() (n News, ok bool) {
	if ok = o.news.Len() > 0; ok {
		n = o.news.Pop()
	}
	return n, ok
}
