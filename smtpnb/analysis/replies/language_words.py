"""The same causes in other languages than English, as providers abroad say them.

A mailbox that is not there, closed, or full; spam, size, too much, later. Patterns are
read without accents ("boîte" is "boite"), for many servers leave them out.

Behind the English words: a sentence in two languages is read in English first.
"""

from __future__ import annotations

from typing import Final

from smtpnb.analysis.replies.rule import FOR_NOW, Rule, words

_FULL: Final = words(
    r"\b(boite|messagerie|compte|espace)\b.{0,40}\b(pleine?|satur|insuffisan)"
    r"|quota.{0,16}depass",
    r"\b(postfach|mailbox|speicher\w*|konto)\b.{0,30}\b(voll\b|ue?berschritten"
    r"|erscho)|speicherplatz|zu ?viele mails auf",
    r"\b(casella|mailbox|quota|spazio)\b.{0,30}\b(pien|esaurit|superat)",
    r"\b(buzon|casilla|cuota|espacio|bandeja)\b.{0,30}\b(llen|exced|agotad|superad"
    r"|insuficient)",
    r"\b(caixa|cota|quota|espaco)\b.{0,30}\b(chei|exced|lotad|esgotad|insuficient)",
    r"\b(postbus|postvak|mailbox)\b.{0,20}\bvol\b|skrzynka.{0,20}pe[lł]n"
    r"|przepe[lł]nion|brak miejsca|schranka.{0,16}pln|plna schranka|megtelt",
    r"\b(brevlada|postlada|postkasse|innkorg|inkorg)\w*.{0,20}\b(full|fuld)"
    r"|posta kutusu dolu|kota.{0,12}(as[^ ]ld|dolu)",
    r"(ящик|квота).{0,24}(переполнен|превышен|заполнен)",
    r"(容量|メールボックス).{0,12}(超過|いっぱい|オーバー|満)"
    r"|(邮箱|信箱|空间|空間|容量|配額|配额).{0,8}(满|滿|不足|超)",
)
_DISABLED: Final = words(
    r"\b(compte|boite|adresse|utilisateur|messagerie|destinataire)\b.{0,30}"
    r"\b(desactiv|suspendu|bloque|ferme|inacti[fv]|resili|supprim)",
    r"\b(konto|postfach|mailbox|benutzer|adresse|adressat|empfae?nger|account)\b"
    r".{0,30}\b(deaktiviert|gesperrt|inaktiv|geloe?scht|abgeschaltet|stillgelegt)",
    r"\b(casella|utente|indirizzo|account|mailbox)\b.{0,30}\b(dis\w*ttivat|bloccat"
    r"|sospes|scadut|inattiv|chius)",
    r"\b(cuenta|usuario|casilla|buzon|direccion)\b.{0,30}\b(desactivad"
    r"|deshabilitad|suspendid|bloquead|inactiv|(ha )?expirad|cancelad|cerrad)",
    r"\b(conta|usuario|caixa|endereco)\b.{0,30}\b(inativ|desativad|suspens|bloquead"
    r"|cancelad|expirad)",
    r"\b(konto|skrzynka|uzytkownik)\b.{0,40}\b(zablokowan|nieaktywn|zawieszon"
    r"|wy[lł]aczon|usuniet)",
    r"\b(account|postbus|adres|gebruiker)\b.{0,24}\b(geblokkeerd|opgeheven"
    r"|gedeactiveerd|uitgeschakeld)",
    r"(аккаунт|ящик|пользовател|уч[её]тн).{0,40}(заблокирован|отключ|удал|неактив)",
    r"(アカウント|メールボックス).{0,10}(停止|無効)"
    r"|(用户|用戶|帐号|账号|邮箱|帳號|信箱).{0,8}(禁用|锁定|停用|冻结|凍結|注销|过期)",
)
_UNKNOWN: Final = words(
    r"\b(utilisateur|adresse|boite|compte|destinataire|usager)\b.{0,30}\b(inconnu"
    r"|invalide|n'existe|inexistant|introuvable|non valide)",
    r"\b(empfae?nger|benutzer|adresse|postfach|mailbox|konto|adressat|teilnehmer)\w*"
    r"\b.{0,30}\b(unbekannt|existiert nicht|nicht|ungue?ltig)"
    r"|unbekannter? (empfae?nger|benutzer)",
    r"\b(utente|destinatario|indirizzo|casella)\b.{0,24}\b(inesist|errat|non\b)"
    r"|sconosciut|inesistente",
    r"\b(usuario|destinatario|direccion|buzon|casilla|cuenta|correo)\b.{0,30}"
    r"\b(desconocid|no (existe|es valid|valid|se encontr|encontrad)|inexist|invalid"
    r"|incorrect)",
    r"\b(usuario|utilizador|destinatario|endereco|caixa|conta)\b.{0,30}"
    r"\b(desconhecid|nao\b|inexist|invalid)",
    r"\bonbekend|bestaat niet|niet gevonden|\bnie (ma\b|istnieje|znaleziono)"
    r"|nieznany|finns (inte|ej)|\b(okand|ukendt|ukjent)|fi(nd|nn)es ikke"
    r"|eksisterer ikke|neexistuje|neznam[ya]|nenalezen|ismeretlen|nem letezik"
    r"|nu exista|necunoscut|tuntematon|ei (loydy|ole olemassa)"
    r"|bulunamad|gecersiz",
    r"не (найден|существует|зарегистр)|несуществ|неизвестн\w+ (пользов|получ|адрес)",
    r"存在しません|見つかりません|宛先不明|不存在|(无此|無此|查無此|未知)(用户|用戶|邮箱|信箱|帐号|帳號|人)"
    r"|존재하지 않|없는 (사용자|계정)",
)
_SPAM: Final = words(
    r"pourriel|indesirable|publicitaire|non sollicite|correo (no deseado|basura)"
    r"|antyspam|spamowy|unerwu(e)?nscht|posta indesiderata|indesejad"
    r"|спам|垃圾邮件|垃圾郵件|迷惑メール|スパム",
)
_SIZE: Final = words(
    r"message.{0,16}trop (gros|volumineux|grand)|nachricht.{0,20}zu gro(ss|ß)"
    r"|mensaje.{0,20}(demasiado grande|excede)|messaggio.{0,20}troppo grande"
    r"|mensagem.{0,20}(muito grande|excede)|邮件(过大|太大)|サイズ.{0,8}超",
)
_TOO_MUCH: Final = words(
    r"\b(trop de|zu viele|troppi|demasiad[oa]s|muit[oa]s|excesso de|te veel|zbyt wiele"
    r"|za duzo)\b|слишком много|превышен\w* лимит|过于频繁|频率|頻率|送信.{0,6}制限",
)
_GREY: Final = r"liste? grise|lista gris|lista grigia|graue liste|灰名单|серый список"
_LATER: Final = words(
    r"plus tard|temporaire|spae?ter|voru?e?bergehend|erneut versuchen|mas tarde"
    r"|temporal(mente)?\b|riprova|piu tardi|temporane|mais tarde|temporari(o|a)"
    r"|pozniej|позже|временн|稍后|稍後|暂时|暫時|後で|後ほど|一時的",
)
_REFUSED: Final = words(
    r"\b(refuse|rejete|bloque)e?s?\b|abgelehnt|abgewiesen|zuru?e?ckgewiesen|verweigert"
    r"|blockiert|gesperrt|rechazad|denegad|bloquead|rejeitad|recusad|negado"
    r"|rifiutat|respint|bloccat|geweigerd|geblokkeerd|odrzucon|zablokowan"
    r"|отклон|отказано|заблокирован|拒绝|拒絕|拒否",
)

LANGUAGE_WORDS: Final = (
    Rule("mailbox full(language)", "transient", "mailboxfull", _FULL),
    Rule("greylisted(language)", "greylisted", "greylisted", _GREY, only=FOR_NOW),
    Rule("policy(spam, language)", "policy", "spamdetected", _SPAM),
    Rule("size(language)", "", "mesgtoobig", _SIZE),
    Rule("rate_limited(language)", "rate_limited", "speeding", _TOO_MUCH),
    Rule("recipient disabled(language)", "", "suspend", _DISABLED),
    Rule("user unknown(language)", "", "userunknown", _UNKNOWN),
)
# Words that many causes share stand behind the codes, as in English (`rules`).
VAGUE_LANGUAGE_WORDS: Final = (
    Rule("policy(language)", "policy", "policyviolation", _REFUSED),
    Rule("system(language)", "transient", "systemerror", _LATER, only=FOR_NOW),
)
