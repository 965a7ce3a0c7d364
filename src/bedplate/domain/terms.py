from bedplate.terms import analyse as analyse
