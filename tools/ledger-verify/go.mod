module bedrail.example/ledger-verify

go 1.19
