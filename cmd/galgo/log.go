package main

import (
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/galgo-mq/galgo/cmd/galgo/config"
)

// newLog logs to standard error, which whoever started the server keeps or not.
func newLog(c *config.Config) *zap.Logger {
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
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(os.Stderr), level))
}
