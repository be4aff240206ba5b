"""How mail systems and answering machines title what they write, in the languages they write in."""

from webhooks import phrasing

BOUNCE_SUBJECTS = phrasing.table(
    """
    undeliver | delivery status | delivery failure | delivery failed | delivery has failed | delivery notification |
    delivery report | delivery problem | delivery error | delivery delayed | delivery to the following |
    delivery incomplete | delayed mail | delayed delivery | delayed: | returned mail | returned to sender |
    returned message | returning message | returning mail | mail delivery | mail system error | mail could not |
    mail failure | mail not delivered | failure notice | failure delivery | failed mail | failed delivery | failed: |
    not delivered | not be delivered | never delivered | nondeliver | non-deliver | unable to deliver | error sending |
    message status | message rejected | message failure | message you sent | rejected | bounce | unknown user |
    unknown recipient | user unknown | warning: could not | warning: message | still being retried |
    address not found | message blocked | message not delivered | recipient not found | email not delivered |
    unzustellbar | nicht zugestellt | konnte nicht | zustellung | zustellstatus | fehlgeschlagen | rückläufer |
    non remis | non distribu | non délivr | non transmis | échec | n'a pas pu | erreur de | retour à l'expéditeur |
    no entregad | no se pudo | no se ha podido | devuelto | error de entrega | notificación de estado | no entregable |
    falha | devolvid | não entregue | não foi | notificação de … entrega | status da notificação |
    mancat | non recapit | non consegn | errore | notifica dello stato | impossibile recapitare |
    niedostarcz | nie dostarcz | zwrot | zwrócon | onbestel | niet bezorgd | niet afgeleverd | teslim edile |
    недостав | не доставл | не может быть доставлен | невозможно доставить | возврат | ошибка |
    退信 | 退回 | 投递失败 | 未送达 | 无法投递 | 发送失败 | 無法投遞 | 郵件傳遞失敗 |
    配信 | 送信できません | 送信エラー | エラーメール | 不達 | 届けできません | 戻りメール | 반송 | 전송 실패
    """
)

FAILURES = phrasing.table(
    """
    not be delivered | cannot be delivered | not been delivered | was not delivered | undeliverable |
    unable to deliver | delivery failed |
    nicht zugestellt | unzustellbar | pas pu être remis | pas pu être délivré | no se pudo entregar |
    não pôde ser entregue | non recapitat | impossibile recapitare | не доставлено | не может быть доставлен |
    无法投递 | 投递失败 | 送信できません | 配信できません | お届けできません
    """
)
"""What a text says that encloses a mail which came back, where its title says nothing."""

REFUSALS = phrasing.table("automatically rejected | automatically refused")
"""What Sieve's `reject` says in a receipt."""

DELAYS = phrasing.table(
    """
    will continue to try | will keep trying | will be retried | still being retried | warning message only |
    you do not need to resend | you do not need to re-send | only a temporary failure report |
    no action is required on your part | not yet been delivered | subject: delayed |
    delivery attempts will continue | has been delayed | delivery delayed | still trying to deliver |
    wird weiterhin versucht | nouvelles tentatives | seguirá intentando | continuará tentando | будут продолжены |
    继续尝试 | 再送を試み
    """
)

ANSWERS = phrasing.table(
    """
    automatic reply | automatic response | automated reply | automated response | automatically generated reply |
    automatic answer | auto reply | auto-reply | auto response | auto-response | auto: | autoreply | autoresponder |
    autoresponse | out of office | out of the office | out-of-office | vacation | on annual leave | on leave |
    on holiday | on parental leave | on sick leave | on maternity leave | away from my mail | away from the office |
    i am away | i'm away | i am out | currently away | absence notification |
    thank you for contacting | we have received your | we received your | acknowledgement of receipt |
    automatische antwort | automatisch generierte | abwesen | im urlaub | nicht im büro | eingangsbestätigung |
    réponse automatique | reponse automatique | absence du bureau | absent du bureau | message d'absence |
    absence : | congés |
    respuesta automática | respuesta automatica | fuera de la oficina | fuera de oficina | ausente |
    resposta automática | resposta automatica | fora do escritório | ausência temporária |
    risposta automatica | fuori sede | fuori ufficio | assente | automatisch antwoord | afwezig |
    odpowiedź automatyczna | automatyczna odpowiedź | poza biurem | nieobecno | automatická odpověď | mimo kancelář |
    automatiskt svar | autosvar | frånvaro | fraværende | automaattinen vastaus | poissaolo | otomatik yanıt |
    ofis dışı |
    автоответ | автоматический ответ | вне офиса | в отпуске | відсутн | автоматична відповідь |
    自动回复 | 自動回覆 | 自动答复 | 外出 | 休假 | 不在 | 自動応答 | 自動返信 | 休暇 | 부재중 | 자동 응답 | 자동 회신
    """
)

CHALLENGES = phrasing.table(
    """
    please confirm your message | please confirm your email | please confirm that you | confirm your e-mail |
    please confirm delivery | verify your message | verify your email to | please verify that you |
    requires verification | requires confirmation | verification required | confirmation required |
    sender verification | sender confirmation | verify# | spam arrest | spamarrest | boxbe | tmda |
    awaiting your verification | awaiting your confirmation | awaiting confirmation | message held awaiting |
    bitte bestätigen sie ihre | veuillez confirmer | confirme su mensaje | подтвердите отправку
    """
)
"""Somebody's filter wants to know that a person wrote: nobody at our end will answer it."""

QUARANTINES = phrasing.table(
    """
    quarantin | quarantaine | quarantäne | quarantena | quarentena | cuarentena | kwarantann | карантин | 隔离 | 隔離 |
    spam digest | user digest
    """
)
"""A filter keeps mails until somebody looks: they have neither arrived nor come back, and what it lists is not ours."""
