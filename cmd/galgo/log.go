package main

import (
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/galgo-mq/galgo/cmd/galgo/config"
	"github.com/galgo-mq/galgo/diagnose"
)

// newLog logs to standard error, which whoever started the server keeps or not; the last lines are kept for operators.
func newLog(c *config.Config) (*zap.Logger, *diagnose.Log) {
	level, err := zapcore.ParseLevel(c.LogLevel)
	if err != nil {
		panic("BUG: log level " + c.LogLevel + " was not checked")
	}
	e := zap.NewProductionEncoderConfig()
	e.TimeKey, e.EncodeTime = "time", zapcore.ISO8601TimeEncoder
	encoder := zapcore.NewJSONEncoder(e)
	if c.LogFormat == "console" {
		e.EncodeLevel, e.ConsoleSeparator = zapcore.CapitalLevelEncoder, "  "
		encoder = zapcore.NewConsoleEncoder(e)
	}
	lines := diagnose.NewLog(diagnose.LogBytes)
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.NewMultiWriteSyncer(os.Stderr, lines)), level)), lines
}
